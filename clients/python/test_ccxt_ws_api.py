"""ccxt.pro over the WebSocket API, with each kind of key."""

from decimal import Decimal

import ccxt
import pytest

from conftest import BTC, ccxt_pro
from test_ccxt_orders import away
from test_ccxt_streams import soon
from test_keys import KINDS, of_kind


async def test_an_order_lives_and_dies(pro, server, account):
    price = away(server)
    order = await soon(pro.create_order_ws(BTC, "limit", "buy", 0.002, price))
    assert server.books(account).order(order["id"])["status"] == "NEW"
    await soon(pro.edit_order_ws(order["id"], BTC, "limit", "buy", 0.003, price - 10))
    kept = server.books(account).order(order["id"])
    assert (kept["origQty"], Decimal(kept["price"])) == ("0.003", Decimal(str(price)) - 10)
    assert (await soon(pro.fetch_order_ws(order["id"], BTC)))["status"] == "open"
    await soon(pro.cancel_order_ws(order["id"], BTC))
    assert server.books(account).order(order["id"])["status"] == "CANCELED"


async def test_a_market_order_and_what_it_changes(pro, server, account):
    order = await soon(pro.create_order_ws(BTC, "market", "buy", 0.01))
    books = server.books(account)
    assert books.order(order["id"])["status"] == "FILLED"
    assert books.amount("BTCUSDT") == Decimal("0.010")
    balance = await soon(pro.fetch_balance_ws())
    # ccxt's total is what the account is worth now.
    worth = Decimal(books["balance"]["margin_balance"])
    assert abs(Decimal(str(balance["USDT"]["total"])) - worth) < 1
    positions = await soon(pro.fetch_positions_ws([BTC]))
    assert (positions[0]["side"], positions[0]["contracts"]) == ("long", 0.01)


async def test_a_conditional_order(pro, server, account):
    _, ask = server.touch("BTCUSDT")
    params = {"stopLossPrice": float(ask) + 2_000}
    order = await soon(pro.create_order_ws(BTC, "market", "buy", 0.002, None, params))
    assert server.books(account).algo(order["id"])["orderType"] == "STOP_MARKET"
    await soon(pro.cancel_order_ws(order["id"], BTC, {"trigger": True}))
    assert server.books(account).algo(order["id"])["algoStatus"] == "CANCELED"


async def test_market_data(pro, server):
    book = await soon(pro.fetch_order_book_ws(BTC, 5))
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = await soon(pro.fetch_ticker_ws(BTC))
    assert ticker["bid"] < ticker["ask"]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_key(server, account, kind):
    client = ccxt_pro(server, *of_kind(account, kind))
    try:
        for _ in range(4):
            await soon(client.create_order_ws(BTC, "market", "buy", 0.002))
        assert server.books(account).amount("BTCUSDT") == Decimal("0.008")
    finally:
        await client.close()


async def test_what_is_refused(pro, server, account):
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        await soon(pro.create_order_ws(BTC, "market", "buy", 90))
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await soon(pro.cancel_order_ws("123456789", BTC))
    with pytest.raises(ccxt.OperationFailed, match="klines"):
        # ccxt offers candles here; futures have no such method, at Binance neither.
        await soon(pro.fetch_ohlcv_ws(BTC))
    assert server.books(account)["orders"] == []


async def test_a_wrong_signature(server, account):
    client = ccxt_pro(server, account.key, "not-the-secret")
    try:
        with pytest.raises(ccxt.AuthenticationError, match="-1022"):
            await soon(client.create_order_ws(BTC, "market", "buy", 0.002))
        assert server.books(account)["orders"] == []
    finally:
        await client.close()
