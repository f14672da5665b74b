"""ccxt over REST: orders of every kind, held against the server's books."""

from decimal import Decimal

import ccxt
import pytest

from conftest import BTC, ETH, refused


def away(server, symbol="BTCUSDT", share="0.98"):
    """A price that rests below the market, on the tick."""
    bid, _ = server.touch(symbol)
    return float((bid * Decimal(share)).quantize(Decimal("0.1")))


def test_a_limit_order_rests_and_is_cancelled(rest, server, account):
    price = away(server)
    order = rest.create_order(BTC, "limit", "buy", 0.002, price, {"clientOrderId": "mine-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "mine-1")
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["timeInForce"], kept["side"]) == ("NEW", "GTC", "BUY")
    assert Decimal(kept["price"]) == Decimal(str(price))
    assert Decimal(kept["origQty"]) == Decimal("0.002")
    assert len(server.books(account)["openOrders"]) == 1
    assert rest.fetch_open_orders(BTC)[0]["id"] == order["id"]
    assert rest.fetch_open_order(order["id"], BTC)["status"] == "open"

    rest.cancel_order(order["id"], BTC)
    assert server.books(account).order(order["id"])["status"] == "CANCELED"
    assert server.books(account)["openOrders"] == []
    assert rest.fetch_order(order["id"], BTC)["status"] == "canceled"


def test_an_order_is_found_by_its_client_id(rest, server, account):
    rest.create_order(BTC, "limit", "buy", 0.002, away(server), {"clientOrderId": "by-name"})
    found = rest.fetch_order(None, BTC, {"origClientOrderId": "by-name"})
    assert found["clientOrderId"] == "by-name"
    rest.cancel_order(None, BTC, {"origClientOrderId": "by-name"})
    assert server.books(account).order(found["id"])["status"] == "CANCELED"


def test_a_market_order_fills_and_pays(rest, server, account):
    before = server.books(account).wallet
    order = rest.create_order(BTC, "market", "buy", 0.01)
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    books = server.books(account)
    kept = books.order(order["id"])
    assert (kept["status"], kept["type"]) == ("FILLED", "MARKET")
    assert books.amount("BTCUSDT") == Decimal("0.010")
    fills = books.fills(order["id"])
    assert sum(Decimal(fill["qty"]) for fill in fills) == Decimal("0.010")
    paid = sum(Decimal(fill["commission"]) for fill in fills)
    assert paid > 0 and books.wallet == before - paid

    mine = rest.fetch_my_trades(BTC)
    assert [trade["id"] for trade in mine] == [str(fill["id"]) for fill in fills]
    assert abs(sum(trade["fee"]["cost"] for trade in mine) - float(paid)) < 1e-9
    assert mine[0]["takerOrMaker"] == "taker"
    of_order = rest.fapiprivate_get_usertrades({"symbol": "BTCUSDT", "orderId": order["id"]})
    assert [str(row["id"]) for row in of_order] == [str(fill["id"]) for fill in fills]


def test_immediate_or_cancel(rest, server, account):
    params = {"timeInForce": "IOC"}
    order = rest.create_order(BTC, "limit", "buy", 0.002, away(server), params)
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["executedQty"]) == ("EXPIRED", "0.000")
    _, ask = server.touch("BTCUSDT")
    order = rest.create_order(BTC, "limit", "buy", 0.002, float(ask) + 50, params)
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["timeInForce"]) == ("FILLED", "IOC")
    assert server.books(account).amount("BTCUSDT") == Decimal("0.002")


def test_fill_or_kill(rest, server, account):
    params = {"timeInForce": "FOK"}
    with pytest.raises(ccxt.InvalidOrder, match='"code":-5021,'):
        rest.create_order(BTC, "limit", "buy", 0.002, away(server), params)
    assert server.books(account)["orders"] == [], "a killed order leaves no record"
    _, ask = server.touch("BTCUSDT")
    order = rest.create_order(BTC, "limit", "buy", 0.002, float(ask) + 50, params)
    assert server.books(account).order(order["id"])["status"] == "FILLED"


def test_post_only(rest, server, account):
    _, ask = server.touch("BTCUSDT")
    with pytest.raises(ccxt.InvalidOrder, match='"code":-5022,'):
        rest.create_order(BTC, "limit", "buy", 0.002, float(ask) + 50, {"postOnly": True})
    assert server.books(account)["orders"] == []
    order = rest.create_order(BTC, "limit", "buy", 0.002, away(server), {"postOnly": True})
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["timeInForce"]) == ("NEW", "GTX")


def test_good_till_date(rest, server, account):
    until = rest.milliseconds() // 1000 * 1000 + 3_600_000
    params = {"timeInForce": "GTD", "goodTillDate": until}
    order = rest.create_order(BTC, "limit", "buy", 0.002, away(server), params)
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["timeInForce"], kept["goodTillDate"]) == ("NEW", "GTD", until)


def test_reduce_only(rest, server, account):
    closes = ("market", "sell", 0.002, None, {"reduceOnly": True})
    assert refused(rest, -2022, lambda: rest.create_order(BTC, *closes)) is ccxt.InvalidOrder
    assert server.books(account)["orders"] == []
    rest.create_order(BTC, "market", "buy", 0.004)
    order = rest.create_order(BTC, *closes)
    books = server.books(account)
    assert books.order(order["id"])["reduceOnly"] is True
    assert books.amount("BTCUSDT") == Decimal("0.002")


def test_the_venue_finds_the_price(rest, server, account):
    order = rest.create_order(BTC, "limit", "buy", 0.002, None, {"priceMatch": "QUEUE_5"})
    kept = server.books(account).order(order["id"])
    bid, _ = server.touch("BTCUSDT")
    assert kept["priceMatch"] == "QUEUE_5"
    assert Decimal("0.99") * bid < Decimal(kept["price"]) < bid * Decimal("1.001")


def test_an_order_is_changed(rest, server, account):
    price = away(server)
    order = rest.create_order(BTC, "limit", "buy", 0.002, price)
    rest.edit_order(order["id"], BTC, "limit", "buy", 0.003, price - 10)
    kept = server.books(account).order(order["id"])
    assert (kept["status"], kept["origQty"]) == ("NEW", "0.003")
    assert Decimal(kept["price"]) == Decimal(str(price)) - 10


def test_batches(rest, server, account):
    price = away(server)
    asked = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.002, "price": price},
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.003, "price": price - 5},
        {"symbol": ETH, "type": "market", "side": "sell", "amount": 0.05},
    ]
    first, second, third = rest.create_orders(asked)
    books = server.books(account)
    assert [books.order(o["id"])["status"] for o in (first, second, third)] == [
        "NEW",
        "NEW",
        "FILLED",
    ]
    assert books.amount("ETHUSDT") == Decimal("-0.050")

    changes = [
        {"id": o["id"], "symbol": BTC, "type": "limit", "side": "buy", "amount": 0.004, "price": p}
        for o, p in ((first, price - 1), (second, price - 2))
    ]
    rest.edit_orders(changes)
    books = server.books(account)
    assert [books.order(o["id"])["origQty"] for o in (first, second)] == ["0.004", "0.004"]
    assert Decimal(books.order(second["id"])["price"]) == Decimal(str(price)) - 2

    rest.cancel_orders([first["id"], second["id"]], BTC)
    books = server.books(account)
    assert [books.order(o["id"])["status"] for o in (first, second)] == ["CANCELED"] * 2


def test_a_batch_is_cancelled_by_client_ids(rest, server, account):
    names = ["batch-a", "batch-b"]
    for name in names:
        rest.create_order(BTC, "limit", "buy", 0.002, away(server), {"clientOrderId": name})
    rest.cancel_orders([], BTC, {"clientOrderIds": names})
    books = server.books(account)
    assert {o["clientOrderId"]: o["status"] for o in books["orders"]} == {
        name: "CANCELED" for name in names
    }


def test_all_orders_of_a_symbol_are_cancelled(rest, server, account):
    rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    rest.create_order(BTC, "limit", "buy", 0.003, away(server))
    other = rest.create_order(ETH, "limit", "buy", 0.05, away(server, "ETHUSDT"))
    rest.cancel_all_orders(BTC)
    left = server.books(account)["openOrders"]
    assert [str(row["orderId"]) for row in left] == [other["id"]]


def test_a_test_order_reaches_no_book(rest, server, account):
    # ccxt's own `test` parameter is for spot alone: it would place this order.
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.002"}
    rest.fapiprivate_post_order_test(order)
    assert server.books(account)["orders"] == []


def test_lists_of_orders(rest, server, account):
    gone = rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    rest.cancel_order(gone["id"], BTC)
    done = rest.create_order(BTC, "market", "buy", 0.002)
    live = rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    everything = [order["id"] for order in rest.fetch_orders(BTC)]
    assert everything == [gone["id"], done["id"], live["id"]]
    assert everything == [str(row["orderId"]) for row in server.books(account)["orders"]]
    assert [o["id"] for o in rest.fetch_closed_orders(BTC)] == [done["id"]]
    assert [o["id"] for o in rest.fetch_canceled_orders(BTC)] == [gone["id"]]
    rest.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
    assert [o["id"] for o in rest.fetch_open_orders()] == [live["id"]]


def test_a_countdown_cancels(rest, server, account):
    order = rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    # ccxt has no unified method for it.
    told = rest.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 300})
    assert told["countdownTime"] == "300"
    books = server.wait_for(account, lambda books: not books["openOrders"], "the countdown")
    assert books.order(order["id"])["status"] == "CANCELED"
