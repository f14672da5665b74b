"""The official SDK over REST: market data, each answer read into the SDK's own models."""

import pytest

from venue import until

pytestmark = pytest.mark.usefixtures("every_answer_fits")


def test_the_server_and_its_symbols(sdk, server):
    sdk.test_connectivity()
    assert abs(sdk.check_server_time().data().server_time - server.call("GET", "/now")["now"]) < 5_000
    info = sdk.exchange_information().data()
    assert sorted(row.symbol for row in info.symbols) == ["BTCUSDT", "ETHUSDT"]
    assert {row.rate_limit_type for row in info.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}


def test_limits_are_told(sdk):
    answer = sdk.order_book(symbol="BTCUSDT", limit=5)
    assert [(row.rateLimitType, row.interval, row.intervalNum) for row in answer.rate_limits] == [
        ("REQUEST_WEIGHT", "MINUTE", 1)
    ]
    assert answer.rate_limits[0].count > 0


def test_books_and_quotes(sdk):
    book = sdk.order_book(symbol="BTCUSDT", limit=50).data()
    assert float(book.bids[0][0]) < float(book.asks[0][0]) and book.last_update_id > 0
    quote = sdk.symbol_order_book_ticker(symbol="BTCUSDT").data().actual_instance
    assert float(quote.bid_price) < float(quote.ask_price)
    every = sdk.symbol_order_book_ticker().data().actual_instance
    assert [row.symbol for row in every] == ["BTCUSDT", "ETHUSDT"]


def test_trades(sdk):
    until(lambda: sdk.recent_trades_list(symbol="BTCUSDT", limit=5).data(), "a trade")
    trades = sdk.recent_trades_list(symbol="BTCUSDT", limit=5).data()
    assert all(float(trade.quote_qty) > 0 for trade in trades)
    old = sdk.old_trades_lookup(symbol="BTCUSDT", limit=5).data()
    assert [trade.id for trade in old] == sorted(trade.id for trade in old)
    grouped = sdk.compressed_aggregate_trades_list(symbol="BTCUSDT", limit=5).data()
    assert all(row.f <= row.l for row in grouped)


def test_candles(sdk):
    for call, symbol in [
        (sdk.kline_candlestick_data, {"symbol": "BTCUSDT"}),
        (sdk.mark_price_kline_candlestick_data, {"symbol": "BTCUSDT"}),
        (sdk.premium_index_kline_data, {"symbol": "BTCUSDT"}),
        (sdk.index_price_kline_candlestick_data, {"pair": "BTCUSDT"}),
        (
            sdk.continuous_contract_kline_candlestick_data,
            {"pair": "BTCUSDT", "contract_type": "PERPETUAL"},
        ),
    ]:
        asked = {**symbol, "interval": "1m", "limit": 3}
        rows = until(lambda: call(**asked).data(), f"a candle of {call.__name__}")
        assert all(len(row) == 12 and row[0] % 60_000 == 0 for row in rows), call


def test_prices_and_rates(sdk):
    mark = sdk.mark_price(symbol="BTCUSDT").data().actual_instance
    assert float(mark.mark_price) > 0 and mark.next_funding_time > mark.time
    assert len(sdk.mark_price().data().actual_instance) == 2
    assert isinstance(sdk.get_funding_rate_history(symbol="BTCUSDT").data(), list)
    assert {row.symbol for row in sdk.get_funding_rate_info().data()} <= {"BTCUSDT", "ETHUSDT"}
    until(lambda: sdk.recent_trades_list(symbol="ETHUSDT").data(), "a trade")
    day = sdk.ticker24hr_price_change_statistics(symbol="BTCUSDT").data().actual_instance
    assert float(day.high_price) >= float(day.low_price) > 0
    price = sdk.symbol_price_ticker_v2(symbol="BTCUSDT").data().actual_instance
    assert float(price.price) > 0
    assert float(sdk.symbol_price_ticker(symbol="BTCUSDT").data().actual_instance.price) > 0


def test_the_rest_of_the_market(sdk):
    assert sdk.open_interest(symbol="BTCUSDT").data().symbol == "BTCUSDT"
    sdk.query_insurance_fund_balance_snapshot(symbol="BTCUSDT").data()
    sdk.adl_risk(symbol="BTCUSDT").data()
    sdk.asset_index().data()
    sdk.query_index_price_constituents(symbol="BTCUSDT").data()
    sdk.composite_index_symbol_information().data()
    sdk.trading_schedule().data()
    sdk.rpi_order_book(symbol="BTCUSDT").data()
