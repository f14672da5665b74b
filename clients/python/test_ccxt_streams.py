"""ccxt.pro: market streams on the routed paths, and what they say against the server's own words."""

import asyncio

from conftest import BTC, ETH, ccxt_pro
from venue import PATIENCE


async def soon(waiting):
    return await asyncio.wait_for(waiting, PATIENCE)


async def test_order_book_is_stitched(stepped):
    """Where the clock stands, the book that ccxt has built of snapshot and differences is the server's."""
    account = stepped.account()
    pro = ccxt_pro(stepped, account.key, account.secret)
    try:
        await pro.load_markets()
        stepped.step(ms=60_000)
        waiting = asyncio.ensure_future(pro.watch_order_book(BTC))
        await moves(stepped, waiting.done)
        built = pro.orderbooks[BTC]

        def fits():
            kept = stepped.public("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")

            def same(side):
                ours = [list(level[:2]) for level in built[side]]
                theirs = [[float(price), float(size)] for price, size in kept[side]]
                return ours[:100] == theirs[:100] and len(theirs) > 5

            return same("bids") and same("asks")

        for _ in range(5):
            stepped.step(ms=10_000)
            await soon(comes(fits))
    finally:
        await pro.close()


async def comes(condition):
    while not condition():
        await asyncio.sleep(0.02)


async def moves(server, done):
    """The clock goes on until something is done."""
    for _ in range(300):
        if done():
            return
        server.step(ms=100)
        await asyncio.sleep(0.05)
    raise AssertionError("nothing came")


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
