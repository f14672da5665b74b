"""ccxt.pro: market streams on the routed paths, and what they say against the server's own words."""

import asyncio

from conftest import BTC, ETH
from venue import PATIENCE


async def soon(waiting):
    return await asyncio.wait_for(waiting, PATIENCE)


async def test_order_book_is_stitched(pro, server):
    """The snapshot and the differences fit: ccxt checks each step and would raise."""
    for _ in range(5):
        book = await soon(pro.watch_order_book(BTC))
    assert book["bids"][0][0] < book["asks"][0][0]
    assert len(book["bids"]) > 5
    # What it has built is what the server has, once both are of the same update.
    for _ in range(200):
        kept = server.public("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
        while pro.orderbooks[BTC]["nonce"] < kept["lastUpdateId"]:
            await soon(pro.watch_order_book(BTC))
        book = pro.orderbooks[BTC]
        if book["nonce"] == kept["lastUpdateId"]:
            break
    else:
        raise AssertionError("no snapshot met an update of the stream")
    for side in ("bids", "asks"):
        ours = [[float(p), float(q)] for p, q in kept[side]][:20]
        assert [list(level[:2]) for level in book[side][:20]] == ours, side


async def test_books_of_two_symbols(pro):
    seen = set()
    while seen != {BTC, ETH}:
        book = await soon(pro.watch_order_book_for_symbols([BTC, ETH]))
        seen.add(book["symbol"])
    assert await soon(pro.un_watch_order_book_for_symbols([BTC, ETH])) is not None


async def test_trades_of_both_kinds(pro):
    trades = await soon(pro.watch_trades(BTC))
    assert all(trade["symbol"] == BTC and trade["cost"] > 0 for trade in trades)
    plain = await soon(pro.watch_trades(ETH, params={"name": "trade"}))
    assert {trade["side"] for trade in plain} <= {"buy", "sell"}
    assert await soon(pro.un_watch_trades(BTC)) is not None


async def test_candles(pro):
    candles = await soon(pro.watch_ohlcv(BTC, "1m"))
    opened_at, opened, high, low, close, _ = candles[-1]
    assert opened_at % 60_000 == 0 and low <= min(opened, close) <= high
    both = await soon(pro.watch_ohlcv_for_symbols([[BTC, "1m"], [ETH, "5m"]]))
    assert set(both) <= {BTC, ETH}


async def test_tickers(pro, server):
    ticker = await soon(pro.watch_ticker(BTC))
    bid, _ = server.touch("BTCUSDT")
    assert abs(ticker["last"] / float(bid) - 1) < 0.01
    assert set(await soon(pro.watch_tickers([BTC, ETH]))) <= {BTC, ETH}
    quotes = await soon(pro.watch_bids_asks([BTC]))
    assert quotes[BTC]["bid"] < quotes[BTC]["ask"]


async def test_mark_prices(pro, server):
    ticker = await soon(pro.watch_mark_price(BTC))
    assert abs(ticker["markPrice"] / float(server.mark("BTCUSDT")) - 1) < 0.01
    everything = await soon(pro.watch_mark_prices())
    assert set(everything) <= {BTC, ETH} and everything


async def test_unwatching_ends_the_stream(pro):
    await soon(pro.watch_ticker(BTC))
    await soon(pro.un_watch_ticker(BTC))
    assert BTC not in pro.tickers
