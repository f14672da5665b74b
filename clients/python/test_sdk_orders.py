"""The official SDK over REST: orders and conditional orders, held against the server's books."""

from decimal import Decimal

import pytest
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    ModifyMultipleOrdersBatchOrdersParameterInner,
    PlaceMultipleOrdersBatchOrdersParameterInner,
)

from test_ccxt_orders import away

pytestmark = pytest.mark.usefixtures("every_answer_fits")

BUY = {"symbol": "BTCUSDT", "side": "BUY"}


def limit(sdk, server, **more):
    order = {"type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002, "price": away(server)}
    return sdk.new_order(**{**BUY, **order, **more}).data()


@pytest.mark.parametrize(
    "more, status",
    [
        ({}, "NEW"),
        ({"time_in_force": "GTX"}, "NEW"),
        ({"time_in_force": "IOC"}, "EXPIRED"),
        ({"time_in_force": "GTD"}, "NEW"),
        ({"price_match": "QUEUE", "price": None}, "NEW"),
        ({"self_trade_prevention_mode": "EXPIRE_BOTH"}, "NEW"),
        ({"type": "MARKET", "price": None, "time_in_force": None}, "FILLED"),
    ],
)
def test_kinds_of_orders(sdk, server, account, more, status):
    if more.get("time_in_force") == "GTD":
        until = server.call("GET", "/now")["now"] // 1_000 * 1_000 + 3_600_000
        more = {**more, "good_till_date": until}
    order = limit(sdk, server, new_client_order_id="sdk-1", **more)
    kept = server.books(account).order(order.order_id)
    assert (kept["status"], kept["clientOrderId"]) == (status, "sdk-1")
    assert Decimal(kept["origQty"]) == Decimal("0.002")
    assert kept["type"] == more.get("type", "LIMIT")
    wanted = more.get("time_in_force") or "GTC"
    assert kept["timeInForce"] == wanted
    if "good_till_date" in more:
        assert kept["goodTillDate"] == more["good_till_date"]
    if "price_match" in more:
        assert kept["priceMatch"] == "QUEUE"
    if "self_trade_prevention_mode" in more:
        assert kept["selfTradePreventionMode"] == "EXPIRE_BOTH"


def test_what_does_not_fill_at_once_is_killed(sdk, server, account):
    for time_in_force, price, code in (("FOK", away(server), -5021), ("GTX", None, -5022)):
        price = price or float(server.touch("BTCUSDT")[1]) + 50
        with pytest.raises(BadRequestError) as refused:
            limit(sdk, server, time_in_force=time_in_force, price=price)
        assert refused.value.status_code == code
    assert server.books(account)["orders"] == []


def test_reduce_only(sdk, server, account):
    sdk.new_order(**BUY, type="MARKET", quantity=0.004)
    order = sdk.new_order(
        symbol="BTCUSDT",
        side="SELL",
        type="MARKET",
        quantity=0.003,
        reduce_only="true",
        new_order_resp_type="RESULT",
    ).data()
    assert (order.status, order.executed_qty) == ("FILLED", "0.003")
    books = server.books(account)
    assert books.order(order.order_id)["reduceOnly"] is True
    assert books.amount("BTCUSDT") == Decimal("0.001")


def test_an_order_is_changed_and_found_and_cancelled(sdk, server, account):
    order = limit(sdk, server)
    price = away(server) - 20
    which = {"symbol": "BTCUSDT", "order_id": order.order_id}
    sdk.modify_order(**which, side="BUY", quantity=0.003, price=price)
    kept = server.books(account).order(order.order_id)
    assert (kept["origQty"], Decimal(kept["price"])) == ("0.003", Decimal(str(price)))
    history = sdk.get_order_modify_history(**which).data()
    assert [row.amendment.orig_qty.after for row in history] == ["0.003"]
    assert sdk.query_order(**which).data().status == "NEW"
    assert sdk.query_current_open_order(**which).data().orig_qty == "0.003"
    assert [row.order_id for row in sdk.current_all_open_orders().data()] == [order.order_id]
    assert sdk.cancel_order(**which).data().status == "CANCELED"
    assert server.books(account).order(order.order_id)["status"] == "CANCELED"
    assert [row.status for row in sdk.all_orders(symbol="BTCUSDT").data()] == ["CANCELED"]


def test_batches(sdk, server, account):
    price = away(server)
    one = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    asked = [
        PlaceMultipleOrdersBatchOrdersParameterInner(**one, quantity=0.002, price=price - step)
        for step in (0, 1, 2)
    ]
    placed = sdk.place_multiple_orders(batch_orders=asked).data()
    ids = [row.order_id for row in placed]
    books = server.books(account)
    assert [books.order(i)["status"] for i in ids] == ["NEW"] * 3
    assert [Decimal(books.order(i)["price"]) for i in ids] == [
        Decimal(str(price)) - step for step in (0, 1, 2)
    ]
    changes = [
        ModifyMultipleOrdersBatchOrdersParameterInner(
            orderId=i, symbol="BTCUSDT", side="BUY", quantity=0.003, price=price
        )
        for i in ids[:2]
    ]
    sdk.modify_multiple_orders(batch_orders=changes)
    books = server.books(account)
    assert [books.order(i)["origQty"] for i in ids] == ["0.003", "0.003", "0.002"]
    sdk.cancel_multiple_orders(symbol="BTCUSDT", order_id_list=ids[:2])
    books = server.books(account)
    assert [books.order(i)["status"] for i in ids] == ["CANCELED", "CANCELED", "NEW"]
    name = books.order(ids[2])["clientOrderId"]
    sdk.cancel_multiple_orders(symbol="BTCUSDT", orig_client_order_id_list=[name])
    assert server.books(account)["openOrders"] == []


def test_all_orders_are_cancelled(sdk, server, account):
    for _ in range(3):
        limit(sdk, server)
    assert sdk.cancel_all_open_orders(symbol="BTCUSDT").data().code == 200
    assert [row["status"] for row in server.books(account)["orders"]] == ["CANCELED"] * 3


def test_a_countdown_cancels(sdk, server, account):
    limit(sdk, server)
    told = sdk.auto_cancel_all_open_orders(symbol="BTCUSDT", countdown_time=300).data()
    assert told.countdown_time == "300"
    server.wait_for(account, lambda books: not books["openOrders"], "the countdown")


def test_a_test_order_reaches_no_book(sdk, server, account):
    sdk.test_order(**BUY, type="MARKET", quantity=0.002)
    assert server.books(account)["orders"] == []


def conditional(sdk, **more):
    return sdk.new_algo_order(algo_type="CONDITIONAL", **{**BUY, **more}).data()


@pytest.mark.parametrize(
    "kind, factor, more",
    [
        ("STOP_MARKET", 1.03, {"quantity": 0.002}),
        ("STOP", 1.03, {"quantity": 0.002, "price": 1.04, "time_in_force": "GTC"}),
        ("TAKE_PROFIT_MARKET", 0.97, {"quantity": 0.002, "working_type": "MARK_PRICE"}),
        ("TAKE_PROFIT", 0.97, {"quantity": 0.002, "price": 0.96, "time_in_force": "GTC"}),
        ("TRAILING_STOP_MARKET", 0.97, {"quantity": 0.002, "callback_rate": 1.5}),
    ],
)
def test_kinds_of_conditional_orders(sdk, server, account, kind, factor, more):
    touch = float(server.touch("BTCUSDT")[0])
    at = round(touch * factor, 1)
    where = {"activate_price": at} if kind == "TRAILING_STOP_MARKET" else {"trigger_price": at}
    if "price" in more:
        more = {**more, "price": round(touch * more["price"], 1)}
    order = conditional(sdk, type=kind, client_algo_id="algo-1", **where, **more)
    kept = server.books(account).algo(order.algo_id)
    assert (kept["orderType"], kept["algoStatus"], kept["clientAlgoId"]) == (kind, "NEW", "algo-1")
    if kind == "TRAILING_STOP_MARKET":
        # Binance shows it in the answer to the order alone.
        assert Decimal(order.activate_price) == Decimal(str(at))
    else:
        assert Decimal(kept["triggerPrice"]) == Decimal(str(at))
    assert kept["workingType"] == more.get("working_type", "CONTRACT_PRICE")
    assert sdk.query_algo_order(algo_id=order.algo_id).data().algo_status == "NEW"
    assert [row.algo_id for row in sdk.current_all_algo_open_orders().data()] == [order.algo_id]
    sdk.cancel_algo_order(client_algo_id="algo-1")
    assert server.books(account).algo(order.algo_id)["algoStatus"] == "CANCELED"
    every = sdk.query_all_algo_orders(symbol="BTCUSDT").data()
    assert [row.algo_status for row in every] == ["CANCELED"]


def test_a_stop_that_closes_and_its_end(sdk, server, account):
    sdk.new_order(**BUY, type="MARKET", quantity=0.002)
    at = round(float(server.touch("BTCUSDT")[0]) * 0.97, 1)
    closes = {"symbol": "BTCUSDT", "side": "SELL", "close_position": "true", "trigger_price": at}
    order = conditional(sdk, type="STOP_MARKET", **closes)
    assert server.books(account).algo(order.algo_id)["closePosition"] is True
    sdk.cancel_all_algo_open_orders(symbol="BTCUSDT")
    assert server.books(account)["openAlgoOrders"] == []
