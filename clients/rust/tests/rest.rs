//! The official Rust client over REST, held against the server's books.

use anyhow::Result;
use binance_sdk::config::{ConfigurationRestApi, PrivateKey};
use binance_sdk::derivatives_trading_usds_futures::DerivativesTradingUsdsFuturesRestApi;
use binance_sdk::derivatives_trading_usds_futures::rest_api::*;
use binance_sdk::errors::ConnectorError;
use official_client::{Key, Server, number};
use rust_decimal::Decimal;
use serde_json::json;

const BTC: &str = "BTCUSDT";

fn client(server: &Server, key: &Key) -> RestApi {
    let to = ConfigurationRestApi::builder().base_path(server.rest.as_str()).timeout(10_000u64);
    let config = match key {
        Key::Hmac { key, secret } => to.api_key(key.as_str()).api_secret(secret.as_str()),
        Key::Pem { key, pem } => {
            to.api_key(key.as_str()).private_key(PrivateKey::Raw(pem.as_bytes().to_vec()))
        }
    };
    DerivativesTradingUsdsFuturesRestApi::from_config(config.build().expect("a configuration"))
}

fn d(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn order(side: NewOrderSideEnum, kind: NewOrderTypeEnum) -> NewOrderParamsBuilder {
    NewOrderParams::builder(BTC.to_owned(), side, kind)
}

fn buy(kind: NewOrderTypeEnum) -> NewOrderParamsBuilder {
    order(NewOrderSideEnum::Buy, kind).quantity(d("0.002"))
}

fn limit(server: &Server) -> NewOrderParamsBuilder {
    buy(NewOrderTypeEnum::Limit).time_in_force(NewOrderTimeInForceEnum::Gtc).price(server.away())
}

/// Places it and gives its id.
async fn placed(client: &RestApi, order: NewOrderParamsBuilder) -> Result<i64> {
    let answer = client.new_order(order.build()?).await?.data().await?;
    Ok(answer.order_id.expect("an order has an id"))
}

/// Binance's code of a refusal, which has to be the client's own kind of error.
fn code<T>(answer: Result<T>) -> i64 {
    let error = answer.err().expect("this is refused");
    match error.downcast_ref::<ConnectorError>() {
        Some(ConnectorError::BadRequestError { code, .. }) => code.expect("it has a code"),
        Some(ConnectorError::UnauthorizedError { code, .. }) => code.expect("it has a code"),
        other => panic!("{other:?}: {error:#}"),
    }
}

#[tokio::test]
async fn market_data() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    client.test_connectivity().await?;
    assert!(client.check_server_time().await?.data().await?.server_time > Some(0));
    let info = client.exchange_information().await?.data().await?;
    let names: Vec<_> = info.symbols.expect("symbols").into_iter().map(|row| row.symbol).collect();
    assert_eq!(names, [Some(BTC.to_owned()), Some("ETHUSDT".to_owned())]);
    let book = client.order_book(OrderBookParams::builder(BTC.to_owned()).limit(20).build()?);
    let book = book.await?.data().await?;
    let best = |side: Option<Vec<Vec<String>>>| d(&side.expect("a side")[0][0]);
    assert!(best(book.bids) < best(book.asks));
    let interval = KlineCandlestickDataIntervalEnum::Interval1m;
    let candles = KlineCandlestickDataParams::builder(BTC.to_owned(), interval).build()?;
    let candles = client.kline_candlestick_data(candles).await?.data().await?;
    assert!(candles.iter().all(|row| row.len() == 12));
    client
        .mark_price(MarkPriceParams::builder().symbol(BTC.to_owned()).build()?)
        .await?
        .data()
        .await?;
    let trades = RecentTradesListParams::builder(BTC.to_owned()).build()?;
    client.recent_trades_list(trades).await?.data().await?;
    Ok(())
}

#[tokio::test]
async fn every_kind_of_key_signs() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    for (n, key) in [&server.hmac, &server.rsa, &server.ed25519].into_iter().enumerate() {
        let client = client(&server, key);
        for _ in 0..4 {
            placed(&client, buy(NewOrderTypeEnum::Market)).await?;
        }
        let expected = d("0.008") * Decimal::from(n + 1);
        assert_eq!(server.books().amount(BTC), expected, "{n}");
        let account = client.account_information_v3(Default::default()).await?.data().await?;
        assert_eq!(
            account.total_wallet_balance.map(|text| d(&text)),
            Some(server.books().wallet())
        );
    }
    Ok(())
}

#[tokio::test]
async fn kinds_of_orders() -> Result<()> {
    use NewOrderTimeInForceEnum::{Fok, Gtd, Gtx, Ioc};
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    let now = client.check_server_time().await?.data().await?.server_time.expect("a time");
    let until = now / 1_000 * 1_000 + 3_600_000;
    for (order, status, time_in_force) in [
        (limit(&server), "NEW", "GTC"),
        (limit(&server).time_in_force(Gtx), "NEW", "GTX"),
        (limit(&server).time_in_force(Ioc), "EXPIRED", "IOC"),
        (limit(&server).time_in_force(Gtd).good_till_date(until), "NEW", "GTD"),
        (limit(&server).price(None).price_match(NewOrderPriceMatchEnum::Queue), "NEW", "GTC"),
        (buy(NewOrderTypeEnum::Market), "FILLED", "GTC"),
    ] {
        let id = placed(&client, order).await?;
        let books = server.books();
        let kept = books.order(id);
        assert_eq!(
            (&kept["status"], &kept["timeInForce"]),
            (&json!(status), &json!(time_in_force))
        );
    }
    assert_eq!(server.books().amount(BTC), d("0.002"));
    let before = server.books().count("orders");
    assert_eq!(code(placed(&client, limit(&server).time_in_force(Fok)).await), -5021);
    let crossing = server.touch(BTC).1 + Decimal::from(50);
    assert_eq!(
        code(placed(&client, limit(&server).time_in_force(Gtx).price(crossing)).await),
        -5022
    );
    assert_eq!(server.books().count("orders"), before, "what is killed leaves no record");
    let closes = order(NewOrderSideEnum::Sell, NewOrderTypeEnum::Market)
        .quantity(d("0.002"))
        .reduce_only(NewOrderReduceOnlyEnum::True);
    placed(&client, closes).await?;
    assert_eq!(server.books().amount(BTC), Decimal::ZERO);
    Ok(())
}

#[tokio::test]
async fn an_order_is_changed_found_and_cancelled() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    let id = placed(&client, limit(&server)).await?;
    let price = server.away() - Decimal::from(20);
    let change =
        ModifyOrderParams::builder(BTC.to_owned(), ModifyOrderSideEnum::Buy, d("0.003"), price);
    client.modify_order(change.order_id(id).build()?).await?.data().await?;
    assert_eq!(server.books().order(id)["origQty"], "0.003");
    let query = QueryOrderParams::builder(BTC.to_owned()).order_id(id).build()?;
    assert_eq!(client.query_order(query).await?.data().await?.status.as_deref(), Some("NEW"));
    let open = client.current_all_open_orders(Default::default()).await?.data().await?;
    assert_eq!(open.len(), 1);
    let cancel = CancelOrderParams::builder(BTC.to_owned()).order_id(id).build()?;
    client.cancel_order(cancel).await?.data().await?;
    assert_eq!(server.books().order(id)["status"], "CANCELED");

    placed(&client, limit(&server)).await?;
    let all = CancelAllOpenOrdersParams::builder(BTC.to_owned()).build()?;
    client.cancel_all_open_orders(all).await?.data().await?;
    assert_eq!(server.books().count("openOrders"), 0);

    placed(&client, limit(&server)).await?;
    let soon = AutoCancelAllOpenOrdersParams::builder(BTC.to_owned(), 300).build()?;
    client.auto_cancel_all_open_orders(soon).await?.data().await?;
    server.wait_for("the countdown", |books| books.count("openOrders") == 0);
    Ok(())
}

#[tokio::test]
async fn batches() -> Result<()> {
    use place_multiple_orders_batch_orders_parameter_inner as of_batch;
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    let one = |price: Decimal| {
        let mut one = PlaceMultipleOrdersBatchOrdersParameterInner::new();
        one.symbol = Some(BTC.to_owned());
        one.side = Some(of_batch::SideEnum::Buy);
        one.r#type = Some(of_batch::TypeEnum::Limit);
        one.time_in_force = Some(of_batch::TimeInForceEnum::Gtc);
        one.quantity = Some(d("0.002"));
        one.price = Some(price);
        one
    };
    let price = server.away();
    let asked = vec![one(price), one(price - Decimal::ONE)];
    let placed = PlaceMultipleOrdersParams::builder(asked).build()?;
    let placed = client.place_multiple_orders(placed).await?.data().await?;
    let ids: Vec<i64> = placed.iter().filter_map(|row| row.order_id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(number(&server.books().order(ids[1])["price"]), price - Decimal::ONE);
    let mut change = ModifyMultipleOrdersBatchOrdersParameterInner::new();
    change.order_id = Some(ids[0]);
    change.symbol = Some(BTC.to_owned());
    change.side = Some(modify_multiple_orders_batch_orders_parameter_inner::SideEnum::Buy);
    change.quantity = Some(d("0.003"));
    change.price = Some(price);
    let change = ModifyMultipleOrdersParams::builder(vec![change]).build()?;
    client.modify_multiple_orders(change).await?.data().await?;
    assert_eq!(server.books().order(ids[0])["origQty"], "0.003");
    let cancel = CancelMultipleOrdersParams::builder(BTC.to_owned()).order_id_list(ids.clone());
    client.cancel_multiple_orders(cancel.build()?).await?.data().await?;
    for id in ids {
        assert_eq!(server.books().order(id)["status"], "CANCELED");
    }
    Ok(())
}

#[tokio::test]
async fn conditional_orders() -> Result<()> {
    use NewAlgoOrderTypeEnum::{
        Stop, StopMarket, TakeProfit, TakeProfitMarket, TrailingStopMarket,
    };
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    let at = |percent: i64| (server.touch(BTC).0 * Decimal::new(percent, 2)).round_dp(1);
    let (above, below) = (at(103), at(97));
    for (kind, name, trigger) in [
        (StopMarket, "STOP_MARKET", above),
        (Stop, "STOP", above),
        (TakeProfitMarket, "TAKE_PROFIT_MARKET", below),
        (TakeProfit, "TAKE_PROFIT", below),
        (TrailingStopMarket, "TRAILING_STOP_MARKET", below),
    ] {
        let order = NewAlgoOrderParams::builder(
            NewAlgoOrderAlgoTypeEnum::Conditional,
            BTC.to_owned(),
            NewAlgoOrderSideEnum::Buy,
            kind,
        )
        .quantity(d("0.002"));
        let order = match name {
            "TRAILING_STOP_MARKET" => order.activate_price(trigger).callback_rate(Decimal::ONE),
            "STOP" | "TAKE_PROFIT" => order
                .trigger_price(trigger)
                .price(trigger)
                .time_in_force(NewAlgoOrderTimeInForceEnum::Gtc),
            _ => order.trigger_price(trigger),
        };
        let id = client.new_algo_order(order.build()?).await?.data().await?.algo_id.expect("an id");
        assert_eq!(server.books().algo(id)["orderType"], name);
        let query = QueryAlgoOrderParams::builder().algo_id(id).build()?;
        let told = client.query_algo_order(query).await?.data().await?;
        assert_eq!(told.algo_status.as_deref(), Some("NEW"));
        let cancel = CancelAlgoOrderParams::builder().algo_id(id).build()?;
        client.cancel_algo_order(cancel).await?.data().await?;
        assert_eq!(server.books().algo(id)["algoStatus"], "CANCELED");
    }
    Ok(())
}

#[tokio::test]
async fn settings_of_the_account() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let client = client(&server, &server.hmac);
    let leverage = ChangeInitialLeverageParams::builder(BTC.to_owned(), 9).build()?;
    client.change_initial_leverage(leverage).await?.data().await?;
    let isolated = ChangeMarginTypeMarginTypeEnum::Isolated;
    let margin = ChangeMarginTypeParams::builder(BTC.to_owned(), isolated).build()?;
    client.change_margin_type(margin.clone()).await?.data().await?;
    placed(&client, buy(NewOrderTypeEnum::Market)).await?;
    let books = server.books();
    let row = books.position(BTC);
    assert_eq!((&row["leverage"], &row["marginType"]), (&json!("9"), &json!("isolated")));
    assert_eq!(code(client.change_margin_type(margin).await), -4046);
    let rate = UserCommissionRateParams::builder(BTC.to_owned()).build()?;
    let rate = client.user_commission_rate(rate).await?.data().await?;
    assert_eq!(rate.taker_commission_rate.as_deref(), Some("0.000500"));
    let brackets = NotionalAndLeverageBracketsParams::builder().symbol(BTC.to_owned()).build()?;
    client.notional_and_leverage_brackets(brackets).await?.data().await?;
    let risk = PositionInformationV3Params::builder().symbol(BTC.to_owned()).build()?;
    let risk = client.position_information_v3(risk).await?.data().await?;
    assert_eq!(risk[0].position_amt.as_deref().map(d), Some(d("0.002")));
    let fills = AccountTradeListParams::builder(BTC.to_owned()).build()?;
    let fills = client.account_trade_list(fills).await?.data().await?;
    assert_eq!(fills.len(), server.books().count("trades"));
    let income = client.get_income_history(Default::default()).await?.data().await?;
    assert_eq!(income.len(), server.books().count("income"));
    let mode = client.get_current_position_mode(Default::default()).await?.data().await?;
    assert_eq!(mode.dual_side_position, Some(false));
    let rows = client.futures_account_balance_v3(Default::default()).await?.data().await?;
    let usdt = rows.iter().find(|row| row.asset.as_deref() == Some("USDT")).expect("USDT");
    assert_eq!(usdt.balance.as_deref().map(d), Some(server.books().wallet()));
    Ok(())
}

#[tokio::test]
async fn refusals() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let good = client(&server, &server.hmac);
    let much = buy(NewOrderTypeEnum::Market).quantity(d("90"));
    assert_eq!(code(placed(&good, much).await), -2019);
    let nowhere = buy(NewOrderTypeEnum::Market).symbol("NOPEUSDT".to_owned());
    assert_eq!(code(placed(&good, nowhere).await), -1121);
    let reduce = buy(NewOrderTypeEnum::Market).reduce_only(NewOrderReduceOnlyEnum::True);
    assert_eq!(code(placed(&good, reduce).await), -2022);
    let unknown = CancelOrderParams::builder(BTC.to_owned()).order_id(123_456).build()?;
    assert_eq!(code(good.cancel_order(unknown).await), -2011);
    let wrong = Key::Hmac { key: "hmac".to_owned(), secret: "another".to_owned() };
    let wrong = client(&server, &wrong);
    assert_eq!(code(placed(&wrong, buy(NewOrderTypeEnum::Market)).await), -1022);
    let nobody = Key::Hmac { key: "nobody".to_owned(), secret: "a-secret".to_owned() };
    let nobody = client(&server, &nobody);
    assert_eq!(code(placed(&nobody, buy(NewOrderTypeEnum::Market)).await), -2015);
    server.post("/skew", json!({ "ms": 60_000 }));
    assert_eq!(code(placed(&good, buy(NewOrderTypeEnum::Market)).await), -1021);
    server.post("/skew", json!({ "ms": 0 }));
    assert_eq!(server.books().count("orders"), 0);
    let twice = || limit(&server).new_client_order_id("twice".to_owned());
    placed(&good, twice()).await?;
    assert_eq!(code(placed(&good, twice()).await), -4116);
    assert_eq!(server.books().count("orders"), 1);
    Ok(())
}

#[tokio::test]
async fn limits_and_bans() -> Result<()> {
    let server = Server::start(&[]);
    let client = client(&server, &server.hmac);
    for (fault, banned) in [("rate_limit", false), ("ban", true)] {
        server.post("/faults", json!({ "kind": fault, "times": 1 }));
        let error = client.check_server_time().await.err().expect("refused");
        let error = error.downcast_ref::<ConnectorError>().expect("the client's own error");
        assert_eq!(matches!(error, ConnectorError::RateLimitBanError { .. }), banned, "{error:?}");
        assert_eq!(matches!(error, ConnectorError::TooManyRequestsError { .. }), !banned);
        assert!(error.retry_after() > Some(0), "{error:?}");
    }
    Ok(())
}
