"""ccxt over REST: conditional orders, which go to Binance's algo service since 2025-12."""

from decimal import Decimal

import pytest

from conftest import BTC, ETH, ccxt_rest


def above(server, share="1.03"):
    _, ask = server.touch("BTCUSDT")
    return float((ask * Decimal(share)).quantize(Decimal("0.1")))


def below(server, share="0.97"):
    bid, _ = server.touch("BTCUSDT")
    return float((bid * Decimal(share)).quantize(Decimal("0.1")))


# What ccxt is told, and the order type that has to stand in the books.
KINDS = [
    ("STOP_MARKET", "market", "buy", "stopLossPrice", above),
    ("STOP", "limit", "buy", "stopLossPrice", above),
    ("TAKE_PROFIT_MARKET", "market", "buy", "takeProfitPrice", below),
    ("TAKE_PROFIT", "limit", "buy", "takeProfitPrice", below),
]


@pytest.mark.parametrize("kept_type, kind, side, name, trigger", KINDS)
def test_kinds(rest, server, account, kept_type, kind, side, name, trigger):
    at = trigger(server)
    price = at if kind == "limit" else None
    order = rest.create_order(BTC, kind, side, 0.002, price, {name: at, "clientOrderId": "algo-1"})
    kept = server.books(account).algo(order["id"])
    assert (kept["orderType"], kept["side"], kept["algoStatus"]) == (kept_type, "BUY", "NEW")
    assert Decimal(kept["triggerPrice"]) == Decimal(str(at))
    assert kept["clientAlgoId"] == "algo-1"
    assert server.books(account)["orders"] == []
    trigger_orders = rest.fetch_open_orders(BTC, None, None, {"trigger": True})
    assert [row["id"] for row in trigger_orders] == [order["id"]]
    assert rest.fetch_order(order["id"], BTC, {"trigger": True})["id"] == order["id"]

    rest.cancel_order(order["id"], BTC, {"trigger": True})
    assert server.books(account).algo(order["id"])["algoStatus"] == "CANCELED"
    history = rest.fetch_orders(BTC, None, None, {"trigger": True})
    assert [row["id"] for row in history] == [order["id"]]


def test_a_trailing_stop(rest, server, account):
    at = below(server)
    params = {"trailingPercent": "1", "trailingTriggerPrice": at}
    order = rest.create_order(BTC, "market", "buy", 0.002, None, params)
    kept = server.books(account).algo(order["id"])
    assert kept["orderType"] == "TRAILING_STOP_MARKET"
    # Binance shows these two in the answer to the order alone.
    assert Decimal(order["info"]["callbackRate"]) == 1
    assert Decimal(order["info"]["activatePrice"]) == Decimal(str(at))


def test_a_stop_that_closes_the_position(rest, server, account):
    rest.create_order(BTC, "market", "buy", 0.004)
    params = {"stopLossPrice": below(server), "closePosition": True}
    order = rest.create_order(BTC, "market", "sell", None, None, params)
    kept = server.books(account).algo(order["id"])
    assert (kept["closePosition"], kept["orderType"]) == (True, "STOP_MARKET")


def test_all_are_cancelled(rest, server, account):
    for _ in range(2):
        rest.create_order(BTC, "market", "buy", 0.002, None, {"stopLossPrice": above(server)})
    rest.cancel_all_orders(BTC, {"trigger": True})
    books = server.books(account)
    assert books["openAlgoOrders"] == []
    assert [row["algoStatus"] for row in books["algoOrders"]] == ["CANCELED"] * 2


def test_a_trigger_places_its_order(stepped):
    """ETHUSDT moves: somewhere in the next minutes the price passes a trigger close by."""
    account = stepped.account()
    client = ccxt_rest(stepped, account.key, account.secret)
    client.load_markets()
    stepped.step(ms=60_000)
    client.create_order(ETH, "market", "buy", 0.1)
    bid, _ = stepped.touch("ETHUSDT")
    params = {"stopLossPrice": float(bid) - 1, "closePosition": True}
    order = client.create_order(ETH, "market", "sell", None, None, params)
    for _ in range(1_000):
        stepped.step(ms=10_000)
        books = stepped.books(account)
        if books.algo(order["id"])["algoStatus"] == "FINISHED":
            break
    kept = books.algo(order["id"])
    assert kept["algoStatus"] == "FINISHED"
    placed = books.order(kept["actualOrderId"])
    assert (placed["status"], placed["side"]) == ("FILLED", "SELL")
    assert books.amount("ETHUSDT") == 0
    told = client.fetch_order(order["id"], ETH, {"trigger": True})
    assert told["status"] == "closed", told["info"]
