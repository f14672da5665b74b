"""ccxt: what is refused raises its own exceptions, and leaves nothing in the books."""

import ccxt
import pytest

from conftest import BTC, ccxt_rest, refused
from test_ccxt_orders import away
from venue import Server


def nothing_happened(server, account):
    books = server.books(account)
    assert (books["orders"], books["algoOrders"], books["trades"]) == ([], [], [])
    assert books.wallet == 10_000


def test_a_wrong_signature(server, account):
    client = ccxt_rest(server, account.key, "not-the-secret")
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.fapiprivate_post_order(
            {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.002"}
        )
    nothing_happened(server, account)


def test_a_key_that_nobody_has(server, account):
    client = ccxt_rest(server, "nobody", account.secret)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        client.fetch_balance()


def test_margin_that_is_not_there(rest, server, account):
    wants = lambda: rest.create_order(BTC, "market", "buy", 90)  # noqa: E731
    assert refused(rest, -2019, wants) is ccxt.InsufficientFunds
    nothing_happened(server, account)


def test_a_symbol_that_is_not_there(rest):
    with pytest.raises(ccxt.BadSymbol):
        rest.create_order("NOPE/USDT:USDT", "market", "buy", 1)  # ccxt itself knows better
    with pytest.raises(ccxt.BadSymbol, match="-1121"):
        rest.fapiprivate_post_order(
            {"symbol": "NOPEUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
        )


def test_a_client_id_twice(rest, server, account):
    def place():
        rest.create_order(BTC, "limit", "buy", 0.002, away(server), {"clientOrderId": "twice"})

    place()
    assert refused(rest, -4116, place) is ccxt.InvalidOrder
    assert len(server.books(account)["orders"]) == 1


def test_an_order_that_nobody_knows(rest):
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        rest.cancel_order("123456789", BTC)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        rest.fetch_order("123456789", BTC)


def test_a_clock_that_is_wrong(rest, server, account):
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.002"}
    for wrong in (-15_000, 5_000):
        late = {**order, "timestamp": rest.milliseconds() + wrong}
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            rest.fapiprivate_post_order(late)
    nothing_happened(server, account)
    # A longer window takes it: ccxt sends 10 seconds by itself.
    late = {**order, "timestamp": rest.milliseconds() - 15_000, "recvWindow": 60_000}
    rest.fapiprivate_post_order(late)
    assert len(server.books(account)["orders"]) == 1


def test_a_server_whose_clock_is_ahead(server):
    """ccxt measures the difference and keeps to the server's time."""
    own = Server("--no-limits")
    try:
        account = own.account()
        own.call("POST", "/skew", {"ms": 20_000})
        client = ccxt_rest(own, account.key, account.secret)
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            client.fetch_balance()
        difference = client.load_time_difference()
        assert -21_000 < difference < -19_000
        client.options["adjustForTimeDifference"] = True
        assert client.fetch_balance()["USDT"]["total"] == 10_000
    finally:
        own.stop()


def test_filters(rest, server, account):
    def place(**order):
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", **order}
        return lambda: rest.fapiprivate_post_order(order)

    price = away(server)
    assert refused(rest, -1111, place(quantity="0.0021", price=price)) is ccxt.BadRequest
    assert refused(rest, -4014, place(quantity="0.002", price=f"{price:.1f}5")) is ccxt.BadRequest
    poor = {"symbol": "ETHUSDT", "quantity": "0.001", "price": 2_900}
    assert refused(rest, -4164, place(**poor)) is ccxt.InvalidOrder
    assert refused(rest, -1102, place(price=price)) is ccxt.BadRequest
    assert refused(rest, -4016, place(quantity="0.002", price=price * 2 // 1)) is ccxt.BadRequest
    conditional = place(type="STOP_MARKET", quantity="0.002", stopPrice=price)
    assert refused(rest, -4120, conditional) is ccxt.InvalidOrder
    nothing_happened(server, account)


def test_a_limit_that_is_passed():
    """429 and Retry-After, and 418 for those who go on."""
    own = Server()
    try:
        account = own.account()
        client = ccxt_rest(own, account.key, account.secret)
        own.fault(kind="rate_limit", times=1)
        with pytest.raises(ccxt.DDoSProtection, match="429"):
            client.fetch_balance()
        headers = {name.lower(): value for name, value in client.last_response_headers.items()}
        assert int(headers["retry-after"]) > 0
        assert int(headers["x-mbx-used-weight-1m"]) >= 0
        own.fault(kind="ban", times=1, ms=60_000)
        for _ in range(2):
            with pytest.raises(ccxt.DDoSProtection, match="418"):
                client.fetch_balance()
    finally:
        own.stop()


def test_an_answer_that_is_lost(rest, server, account):
    """The order is live although nobody said so; the client finds it by its id."""
    server.fault(kind="drop_after", times=1, account=account.number, path="/fapi/v1/order")
    with pytest.raises(ccxt.NetworkError):
        rest.create_order(BTC, "limit", "buy", 0.002, away(server), {"clientOrderId": "lost"})
    assert rest.fetch_order(None, BTC, {"origClientOrderId": "lost"})["status"] == "open"
    assert len(server.books(account)["orders"]) == 1


def test_an_answer_that_is_unknown(rest, server, account):
    fault = {"times": 1, "account": account.number, "path": "/fapi/v1/order"}
    server.fault(kind="unknown503", executed=True, **fault)
    with pytest.raises(ccxt.OperationFailed, match="-1000"):
        rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    assert len(server.books(account)["orders"]) == 1
    server.fault(kind="timeout408", executed=False, **fault)
    with pytest.raises(ccxt.RequestTimeout):
        rest.create_order(BTC, "limit", "buy", 0.002, away(server))
    assert len(server.books(account)["orders"]) == 1
