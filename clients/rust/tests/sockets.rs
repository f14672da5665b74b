//! The official Rust client's streams and its WebSocket API, held against the server's books.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use binance_sdk::config::{
    ConfigurationRestApi, ConfigurationWebsocketApi, ConfigurationWebsocketStreams, PrivateKey,
};
use binance_sdk::derivatives_trading_usds_futures::rest_api::RestApi;
use binance_sdk::derivatives_trading_usds_futures::websocket_api::{
    CancelOrderParams, FuturesAccountBalanceV2Params, ModifyOrderParams, ModifyOrderSideEnum,
    NewAlgoOrderAlgoTypeEnum, NewAlgoOrderParams, NewAlgoOrderSideEnum, NewAlgoOrderTypeEnum,
    NewOrderParams, NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum, OrderBookParams,
    QueryOrderParams, WebsocketApi,
};
use binance_sdk::derivatives_trading_usds_futures::websocket_streams::{
    AggregateTradeStreamsParams, DiffBookDepthStreamsParams, KlineCandlestickStreamsIntervalEnum,
    KlineCandlestickStreamsParams, MarkPriceStreamParams, UserDataStreamEventsResponse as Event,
    WebsocketStreams,
};
use binance_sdk::derivatives_trading_usds_futures::{
    DerivativesTradingUsdsFuturesRestApi, DerivativesTradingUsdsFuturesWsApi,
    DerivativesTradingUsdsFuturesWsStreams,
};
use binance_sdk::errors::WebsocketError;
use official_client::{Key, PATIENCE, Server};
use rust_decimal::Decimal;
use serde_json::{Value, json};

const BTC: &str = "BTCUSDT";

fn d(text: &str) -> Decimal {
    text.parse().expect("a number")
}

/// What a stream has said so far.
#[derive(Clone)]
struct Heard<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + std::fmt::Debug + Send + 'static> Heard<T> {
    fn new() -> Heard<T> {
        Heard(Arc::new(Mutex::new(Vec::new())))
    }

    fn listen(&self) -> impl Fn(T) + Send + Sync + 'static {
        let heard = Arc::clone(&self.0);
        move |event| heard.lock().unwrap_or_else(PoisonError::into_inner).push(event)
    }

    /// The first event from which something is found.
    async fn find<R>(&self, what: &str, found: impl Fn(&T) -> Option<R>) -> R {
        let started = Instant::now();
        loop {
            let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(found) = heard.iter().find_map(&found) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "in vain: {what}: {heard:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

async fn streams(server: &Server) -> Result<WebsocketStreams> {
    let config =
        ConfigurationWebsocketStreams::builder().ws_url(server.streams.as_str()).build()?;
    DerivativesTradingUsdsFuturesWsStreams::from_config(config).connect().await
}

fn rest(server: &Server) -> Result<RestApi> {
    let Key::Hmac { key, secret } = &server.hmac else { unreachable!("it is HMAC") };
    let to = ConfigurationRestApi::builder().base_path(server.rest.as_str()).timeout(10_000u64);
    let config = to.api_key(key.as_str()).api_secret(secret.as_str()).build()?;
    Ok(DerivativesTradingUsdsFuturesRestApi::from_config(config))
}

async fn ws_api(server: &Server, key: &Key) -> Result<WebsocketApi> {
    let to = ConfigurationWebsocketApi::builder().ws_url(server.ws_api.as_str());
    let config = match key {
        Key::Hmac { key, secret } => to.api_key(key.as_str()).api_secret(secret.as_str()),
        Key::Pem { key, pem } => {
            to.api_key(key.as_str()).private_key(PrivateKey::Raw(pem.as_bytes().to_vec()))
        }
    };
    DerivativesTradingUsdsFuturesWsApi::from_config(config.build()?).connect().await
}

fn market_order(quantity: &str) -> NewOrderParams {
    NewOrderParams::builder(BTC.to_owned(), NewOrderSideEnum::Buy, NewOrderTypeEnum::Market)
        .quantity(d(quantity))
        .build()
        .expect("an order")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn market_streams() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let streams = streams(&server).await?;
    let symbol = || "btcusdt".to_owned();

    let trades = Heard::new();
    let params = AggregateTradeStreamsParams::builder(symbol()).build()?;
    let stream = streams.aggregate_trade_streams(params).await?;
    stream.on_message(trades.listen());
    let price = trades.find("a trade", |event| event.p.clone()).await;
    assert!(d(&price) > Decimal::ZERO);
    stream.unsubscribe().await;

    let books = Heard::new();
    let params = DiffBookDepthStreamsParams::builder(symbol()).build()?;
    streams.diff_book_depth_streams(params).await?.on_message(books.listen());
    let (before, last) = books.find("a difference", |event| event.pu.zip(event.u)).await;
    assert!(before < last);

    let candles = Heard::new();
    let interval = KlineCandlestickStreamsIntervalEnum::Interval1m;
    let params = KlineCandlestickStreamsParams::builder(symbol(), interval).build()?;
    streams.kline_candlestick_streams(params).await?.on_message(candles.listen());
    assert_eq!(candles.find("a candle", |event| event.s.clone()).await, BTC);

    let marks = Heard::new();
    let params = MarkPriceStreamParams::builder(symbol()).build()?;
    streams.mark_price_stream(params).await?.on_message(marks.listen());
    marks.find("a mark price", |event| event.p.clone()).await;
    streams.disconnect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_stream() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let (streams, rest) = (streams(&server).await?, rest(&server)?);
    let key = rest.start_user_data_stream().await?.data().await?.listen_key.expect("a key");
    let heard = Heard::new();
    streams.user_data(key, None).await?.on_message(heard.listen());

    // The client does not tell when it has subscribed: orders are placed until one is told.
    let api = ws_api(&server, &server.hmac).await?;
    let started = Instant::now();
    while heard.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
        assert!(started.elapsed() < PATIENCE, "nothing is told");
        api.new_order(market_order("0.002")).await?;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let order = api.new_order(market_order("0.01")).await?.data()?;
    let id = order.order_id;
    let filled = |event: &Event| match event {
        Event::OrderTradeUpdate(update) => {
            let order = update.o.as_deref()?;
            (order.i == id && order.x_uppercase.as_deref() == Some("FILLED"))
                .then(|| order.z.clone())?
        }
        _ => None,
    };
    assert_eq!(d(&heard.find("the fill", filled).await), d("0.01"));
    let wallet = server.books().wallet();
    let told = |event: &Event| match event {
        Event::AccountUpdate(update) => {
            let balances = update.a.as_deref()?.b_uppercase.as_ref()?;
            (balances.first()?.wb.as_deref().map(d) == Some(wallet)).then_some(())
        }
        _ => None,
    };
    heard.find("the wallet", told).await;
    heard
        .find("the fill in short", |event| matches!(event, Event::TradeLite(_)).then_some(()))
        .await;

    server.post("/listen-key/expire", json!({ "account": 0 }));
    let expired = |event: &Event| matches!(event, Event::ListenKeyExpired(_)).then_some(());
    heard.find("the end of the listen key", expired).await;
    api.disconnect().await?;
    streams.disconnect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_over_the_websocket_api() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    let api = ws_api(&server, &server.hmac).await?;
    let price = server.away();
    let limit =
        NewOrderParams::builder(BTC.to_owned(), NewOrderSideEnum::Buy, NewOrderTypeEnum::Limit)
            .time_in_force(NewOrderTimeInForceEnum::Gtc)
            .quantity(d("0.002"))
            .price(price)
            .build()?;
    let id = api.new_order(limit).await?.data()?.order_id.expect("an id");
    assert_eq!(server.books().order(id)["status"], "NEW");
    let side = ModifyOrderSideEnum::Buy;
    let change = ModifyOrderParams::builder(BTC.to_owned(), side, d("0.003"), price - Decimal::TEN);
    api.modify_order(change.order_id(id).build()?).await?.data()?;
    assert_eq!(server.books().order(id)["origQty"], "0.003");
    let query = QueryOrderParams::builder(BTC.to_owned()).order_id(id).build()?;
    assert_eq!(api.query_order(query).await?.data()?.status.as_deref(), Some("NEW"));
    let cancel = CancelOrderParams::builder(BTC.to_owned()).order_id(id).build()?;
    api.cancel_order(cancel.clone()).await?.data()?;
    assert_eq!(server.books().order(id)["status"], "CANCELED");

    let trigger = (server.touch(BTC).1 * d("1.03")).round_dp(1);
    let algo = NewAlgoOrderParams::builder(
        NewAlgoOrderAlgoTypeEnum::Conditional,
        BTC.to_owned(),
        NewAlgoOrderSideEnum::Buy,
        NewAlgoOrderTypeEnum::StopMarket,
    );
    let algo = algo.quantity(d("0.002")).trigger_price(trigger).build()?;
    let algo = api.new_algo_order(algo).await?.data()?.algo_id.expect("an id");
    assert_eq!(server.books().algo(algo)["orderType"], "STOP_MARKET");

    let book = api.order_book(OrderBookParams::builder(BTC.to_owned()).limit(5).build()?).await?;
    assert!(book.data()?.last_update_id > Some(0));

    for (answer, wanted) in [
        (api.cancel_order(cancel).await.err(), -2011),
        (api.new_order(market_order("90")).await.err(), -2019),
    ] {
        let error = answer.expect("this is refused");
        match error.downcast_ref::<WebsocketError>() {
            Some(WebsocketError::ResponseError { code, .. }) => assert_eq!(*code, wanted),
            other => panic!("{other:?}: {error:#}"),
        }
    }
    api.disconnect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_key_signs_and_ed25519_logs_on() -> Result<()> {
    let server = Server::start(&["--no-limits"]);
    for (n, key) in [&server.hmac, &server.rsa, &server.ed25519].into_iter().enumerate() {
        let api = ws_api(&server, key).await?;
        for _ in 0..4 {
            api.new_order(market_order("0.002")).await?;
        }
        assert_eq!(server.books().amount(BTC), d("0.008") * Decimal::from(n + 1), "{n}");
        let rows = api.futures_account_balance_v2(FuturesAccountBalanceV2Params::default()).await?;
        let rows = rows.data()?;
        let usdt = rows.iter().find(|row| row.asset.as_deref() == Some("USDT")).expect("USDT");
        assert_eq!(usdt.balance.as_deref().map(d), Some(server.books().wallet()));
        let logon = api.send_signed_message::<Value>("session.logon", BTreeMap::new()).await;
        assert_eq!(logon.is_ok(), n == 2, "only Ed25519 logs on: {n}");
        if n == 2 {
            // Logged on, a request needs a timestamp and nothing else.
            let now = server.post("/skew", json!({ "ms": 0 }))["now"].clone();
            let payload = BTreeMap::from([("timestamp".to_owned(), now)]);
            api.send_message::<Value>("v2/account.balance", payload).await?;
        }
        api.disconnect().await?;
    }
    Ok(())
}
