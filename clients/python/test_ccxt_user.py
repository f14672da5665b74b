"""ccxt.pro: the user stream. What it tells is what the books say."""

import asyncio
from decimal import Decimal

from conftest import BTC, ETH
from test_ccxt_orders import away
from test_ccxt_streams import soon


async def connected(server, account):
    """The user stream is connected once the books know a listen key and a connection listens."""
    loop = asyncio.get_running_loop()

    def listens():
        rows = server.call("GET", "/accounts")
        return rows[account.number]["listen_key"]

    deadline = loop.time() + 30
    while not await loop.run_in_executor(None, listens):
        assert loop.time() < deadline, "no listen key"
        await asyncio.sleep(0.02)


async def last_order(pro, status):
    """The first update with such a status."""
    while True:
        orders = await soon(pro.watch_orders(BTC))
        if orders[-1]["status"] == status:
            return orders[-1]


async def test_orders_are_told(pro, server, account):
    waiting = asyncio.ensure_future(last_order(pro, "open"))
    await connected(server, account)
    order = await soon(placed_when_heard(pro, server, waiting))
    told = await soon(waiting)
    kept = server.books(account).order(told["id"])
    assert (told["id"], kept["status"]) == (order["id"], "NEW")
    assert Decimal(str(told["price"])) == Decimal(kept["price"])

    waiting = asyncio.ensure_future(last_order(pro, "canceled"))
    await pro.cancel_order(order["id"], BTC)
    assert (await soon(waiting))["id"] == order["id"]
    assert server.books(account).order(order["id"])["status"] == "CANCELED"


async def placed_when_heard(pro, server, waiting):
    """Places an order, and places it anew as long as the stream is not yet there to tell of it."""
    while True:
        order = await pro.create_order(BTC, "limit", "buy", 0.002, away(server))
        done, _ = await asyncio.wait([waiting], timeout=2)
        if done:
            return order
        await pro.cancel_order(order["id"], BTC)


async def test_fills_positions_and_balance_are_told(pro, server, account):
    trades = asyncio.ensure_future(pro.watch_my_trades(ETH))
    positions = asyncio.ensure_future(pro.watch_positions([ETH]))
    balances = asyncio.ensure_future(pro.watch_balance())
    await connected(server, account)
    filled = Decimal(0)
    while not (trades.done() and positions.done() and balances.done()):
        await pro.create_order(ETH, "market", "buy", 0.1)
        filled += Decimal("0.1")
        await asyncio.wait([trades, positions, balances], timeout=2)
        assert filled < 5, "nothing is told"
    books = server.books(account)
    assert books.amount("ETHUSDT") == filled
    told = trades.result()[-1]
    assert str(told["id"]) in {str(row["id"]) for row in books["trades"]}
    assert told["fee"]["currency"] == "USDT" and told["fee"]["cost"] > 0
    assert positions.result()[0]["side"] == "long"

    # From now on the stream is surely there: one more fill is told by all three.
    positions = asyncio.ensure_future(pro.watch_positions([ETH]))
    balances = asyncio.ensure_future(pro.watch_balance())
    order = await pro.create_order(ETH, "market", "sell", float(filled))
    assert (await soon(positions))[-1]["contracts"] in (0, float(filled))
    wallet = server.books(account).wallet
    told = await soon(balances)
    while Decimal(str(told["USDT"]["total"])) != wallet:
        told = await soon(pro.watch_balance())
    assert server.books(account).amount("ETHUSDT") == 0
    assert server.books(account).order(order["id"])["status"] == "FILLED"


async def test_a_conditional_order_is_told(pro, server, account):
    waiting = asyncio.ensure_future(pro.watch_orders(BTC, params={"trigger": True}))
    await connected(server, account)
    _, ask = server.touch("BTCUSDT")
    params = {"stopLossPrice": float(ask) + 2_000}
    ids = []
    while not waiting.done():
        order = await pro.create_order(BTC, "market", "buy", 0.002, None, params)
        ids.append(order["id"])
        await asyncio.wait([waiting], timeout=2)
        assert len(ids) < 10, "nothing is told"
    assert waiting.result()[-1]["id"] in ids
    assert {str(row["algoId"]) for row in server.books(account)["openAlgoOrders"]} == set(ids)


async def test_a_listen_key_that_is_kept_alive(pro, server, account):
    first = await pro.fapiprivate_post_listenkey()
    again = await pro.fapiprivate_post_listenkey()
    assert first["listenKey"] == again["listenKey"] and len(first["listenKey"]) == 64
    kept = await pro.fapiprivate_put_listenkey()
    assert kept["listenKey"] == first["listenKey"]
    await pro.fapiprivate_delete_listenkey()
    assert server.call("GET", "/accounts")[account.number]["listen_key"] is False
