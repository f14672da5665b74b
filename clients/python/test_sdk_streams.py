"""The official SDK's streams: the routed paths, subscriptions, and the user's own events."""

import asyncio
from decimal import Decimal

import pytest

from conftest import sdk_client
from test_ccxt_orders import away
from test_ccxt_streams import soon

pytestmark = pytest.mark.usefixtures("every_answer_fits")


@pytest.fixture
async def streams(server):
    """Three connections, to /public, /market and /private, as the SDK makes them."""
    streams = sdk_client(server).websocket_streams
    await streams.create_connection()
    assert [c.url_path for c in streams.connections] == ["market", "public", "private"]
    yield streams
    await streams.close_connection()


async def first(stream, fits=lambda event: True):
    """The first event that fits."""
    heard = asyncio.get_running_loop().create_future()

    def hear(event):
        if not heard.done() and fits(event):
            heard.set_result(event)

    stream.on("message", hear)
    return await soon(heard)


MARKET = [
    ("aggregate_trade_streams", {"symbol": "btcusdt"}, lambda e: e.s == "BTCUSDT" and Decimal(e.q) > 0),
    ("kline_candlestick_streams", {"symbol": "btcusdt", "interval": "1m"}, lambda e: e.k.i == "1m"),
    (
        "continuous_contract_kline_candlestick_streams",
        {"pair": "btcusdt", "contract_type": "perpetual", "interval": "1m"},
        lambda e: e.ps == "BTCUSDT",
    ),
    ("individual_symbol_ticker_streams", {"symbol": "btcusdt"}, lambda e: Decimal(e.c) > 0),
    ("individual_symbol_mini_ticker_stream", {"symbol": "btcusdt"}, lambda e: Decimal(e.c) > 0),
    ("all_market_tickers_streams", {}, lambda e: {row.s for row in e} <= {"BTCUSDT", "ETHUSDT"}),
    ("all_market_mini_tickers_stream", {}, lambda e: len(e) > 0),
    ("mark_price_stream", {"symbol": "btcusdt", "update_speed": "1s"}, lambda e: Decimal(e.p) > 0),
    ("mark_price_stream_for_all_market", {"update_speed": "1s"}, lambda e: len(e) == 2),
    ("individual_symbol_book_ticker_streams", {"symbol": "btcusdt"}, lambda e: Decimal(e.b) < Decimal(e.a)),
    ("all_book_tickers_stream", {}, lambda e: Decimal(e.b) < Decimal(e.a)),
    ("diff_book_depth_streams", {"symbol": "btcusdt", "update_speed": "100ms"}, lambda e: e.pu < e.u),
    ("partial_book_depth_streams", {"symbol": "btcusdt", "levels": "5"}, lambda e: len(e.b) <= 5),
    ("rpi_diff_book_depth_streams", {"symbol": "btcusdt"}, lambda e: e.u > 0),
]


@pytest.mark.parametrize("name, which, fits", MARKET, ids=[row[0] for row in MARKET])
async def test_market_streams(streams, name, which, fits):
    stream = await getattr(streams, name)(**which)
    assert fits(await first(stream))


async def test_subscribing_and_unsubscribing(streams):
    stream = await streams.aggregate_trade_streams(symbol="btcusdt")
    await first(stream)
    listed = await streams.list_subscribe()
    assert listed["result"] == ["btcusdt@aggTrade"]
    await stream.unsubscribe()
    assert (await streams.list_subscribe())["result"] == []


class Heard(list):
    """Events of the user stream, and the first of a kind."""

    def of(self, kind):
        return [event.actual_instance for event in self if type(event.actual_instance).__name__ == kind]

    async def wait(self, kind, fits=lambda event: True):
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            found = [event for event in self.of(kind) if fits(event)]
            if found:
                return found[0]
            assert asyncio.get_running_loop().time() < deadline, (kind, self)
            await asyncio.sleep(0.02)


async def test_the_user_stream(streams, server, account):
    client = sdk_client(server, account.key, account.secret).rest_api
    key = client.start_user_data_stream().data().listen_key
    heard = Heard()
    stream = await streams.user_data(key)
    stream.on("message", heard.append)

    order = client.new_order(
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        time_in_force="GTC",
        quantity=0.002,
        price=away(server),
    ).data()
    told = await heard.wait("OrderTradeUpdate")
    assert (told.o.i, told.o.x, told.o.X) == (order.order_id, "NEW", "NEW")
    client.cancel_order(symbol="BTCUSDT", order_id=order.order_id)
    await heard.wait("OrderTradeUpdate", lambda event: event.o.X == "CANCELED")

    client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
    filled = await heard.wait("OrderTradeUpdate", lambda event: event.o.X == "FILLED")
    books = server.books(account)
    assert Decimal(filled.o.z) == books.amount("BTCUSDT") == Decimal("0.010")
    updates = heard.of("AccountUpdate")
    assert Decimal(updates[-1].a.B[0].wb) == books.wallet
    assert Decimal(updates[-1].a.P[0].pa) == Decimal("0.010")
    assert heard.of("TradeLite"), "each fill is told in short, too"

    client.change_initial_leverage(symbol="BTCUSDT", leverage=11)
    changed = await heard.wait("AccountConfigUpdate")
    assert (changed.ac.s, changed.ac.l) == ("BTCUSDT", 11)

    algo = client.new_algo_order(
        algo_type="CONDITIONAL",
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        trigger_price=round(away(server)),
        close_position="true",
    ).data()
    placed = await heard.wait("AlgoUpdate")
    assert (placed.o.aid, placed.o.X) == (algo.algo_id, "NEW")

    server.call("POST", "/listen-key/expire", {"account": account.number})
    expired = await heard.wait("ListenKeyExpired")
    assert expired.listen_key == key
