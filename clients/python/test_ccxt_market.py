"""ccxt over REST: markets and market data, held against what the server says to anybody."""

from conftest import BTC, ETH
from venue import until


def test_markets_are_those_of_the_server(rest, server):
    info = server.public("/fapi/v1/exchangeInfo")
    assert sorted(rest.markets) == sorted([BTC, ETH])
    row = next(row for row in info["symbols"] if row["symbol"] == "BTCUSDT")
    tick = next(f["tickSize"] for f in row["filters"] if f["filterType"] == "PRICE_FILTER")
    market = rest.market(BTC)
    assert market["swap"] and market["linear"] and market["active"]
    assert market["precision"]["price"] == float(tick)
    assert rest.price_to_precision(BTC, 60000.123) == "60000.1"
    assert market["limits"]["cost"]["min"] > 0


def test_ping_and_time(rest):
    assert rest.fapipublic_get_ping() == {}
    assert abs(rest.fetch_time() - rest.milliseconds()) < 10_000


def test_order_book(rest):
    book = rest.fetch_order_book(BTC, 20)
    bids, asks = book["bids"], book["asks"]
    assert bids and asks and bids[0][0] < asks[0][0]
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
    assert len(bids) <= 20 and book["nonce"] > 0


def test_trades_of_both_kinds(rest):
    own = until(lambda: rest.fetch_trades(BTC, limit=5), "a trade of the market")
    assert {trade["side"] for trade in own} <= {"buy", "sell"}
    assert [trade["timestamp"] for trade in own] == sorted(trade["timestamp"] for trade in own)
    plain = rest.fetch_trades(BTC, limit=5, params={"fetchTradesMethod": "fapiPublicGetTrades"})
    assert plain and all(trade["cost"] > 0 for trade in plain)
    old = {"fetchTradesMethod": "fapiPublicGetHistoricalTrades"}
    assert rest.fetch_trades(BTC, limit=5, params=old), "this one takes the key, not a signature"


def test_candles_of_every_source(rest):
    candles = until(lambda: rest.fetch_ohlcv(BTC, "1m", limit=3), "a candle")
    _, opened, high, low, close, volume = candles[-1]
    assert low <= min(opened, close) <= max(opened, close) <= high and volume >= 0
    for price in ("mark", "index", "premiumIndex"):
        source = {"price": price}
        until(lambda: rest.fetch_ohlcv(BTC, "1m", limit=3, params=source), f"a candle of {price}")
    assert rest.fetch_ohlcv(ETH, "1h", limit=1)[0][0] % 3_600_000 == 0


def test_tickers(rest, server):
    until(lambda: rest.fetch_trades(ETH, limit=1), "a trade of the market")
    ticker = rest.fetch_ticker(BTC)
    bid, ask = server.touch("BTCUSDT")
    assert abs(ticker["last"] / float(bid) - 1) < 0.01
    assert sorted(rest.fetch_tickers()) == sorted([BTC, ETH])
    quotes = rest.fetch_bids_asks()
    assert quotes[BTC]["bid"] < quotes[BTC]["ask"]
    assert abs(quotes[BTC]["ask"] / float(ask) - 1) < 0.01
    last = rest.fetch_last_prices([BTC])
    assert last[BTC]["price"] > 0


def test_mark_price_and_funding(rest, server):
    mark = rest.fetch_mark_price(BTC)["markPrice"]
    assert abs(mark / float(server.mark("BTCUSDT")) - 1) < 0.01
    rate = rest.fetch_funding_rate(BTC)
    assert rate["fundingRate"] == 0.0001
    assert rate["fundingTimestamp"] > rest.milliseconds()
    assert sorted(rest.fetch_funding_rates()) == sorted([BTC, ETH])
    intervals = rest.fetch_funding_intervals([BTC])
    assert intervals[BTC]["interval"] == "8h"
    assert isinstance(rest.fetch_funding_rate_history(BTC), list)


def test_open_interest(rest):
    assert rest.fetch_open_interest(BTC)["openInterestAmount"] is not None


def test_statistics_are_those_of_the_venue(rest):
    """Of periods that are over: a venue that has just begun may have none yet."""
    ratios = rest.fetch_long_short_ratio_history(BTC, "5m")
    assert all(0 <= float(row["info"]["longAccount"]) <= 1 for row in ratios)
    interest = rest.fetch_open_interest_history(BTC, "5m")
    assert all(row["openInterestAmount"] >= 0 for row in interest)
