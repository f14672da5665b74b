//! The account: money, positions, settings.

use serde_json::{Value, json};

use crate::harness::{start, start_with};

fn row<'a>(rows: &'a Value, symbol: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row["symbol"] == symbol);
    found.unwrap_or_else(|| panic!("{symbol} in {rows}"))
}

#[test]
fn the_account_in_all_its_forms() {
    let venue = start();
    venue.market("BUY", "0.100");
    venue.resting("a");
    let v2 = venue.get("/fapi/v2/account", "").ok();
    let v3 = venue.get("/fapi/v3/account", "").ok();
    let balance = venue.get("/fapi/v2/balance", "").ok();
    assert_eq!(balance, venue.get("/fapi/v3/balance", "").ok());
    // 0.1 at 50,000.10 costs 5,000.01, and 0.05 % of it.
    let wallet = "99997.49999500";
    assert_eq!(v2["totalWalletBalance"], wallet);
    assert_eq!(v3["totalWalletBalance"], wallet);
    assert_eq!(balance[0]["balance"], wallet);
    assert_eq!((&v2["canTrade"], &v2["feeBurn"]), (&json!(true), &json!(false)));
    assert_eq!((&v3["canTrade"], &v3["assets"][0]["asset"]), (&Value::Null, &json!("USDT")));
    assert_eq!(v2["positions"].as_array().unwrap().len(), 2, "all symbols");
    assert_eq!(v3["positions"].as_array().unwrap().len(), 1, "what is held or has orders");
    let own = row(&v2["positions"], "BTCUSDT");
    assert_eq!(
        (&own["positionAmt"], &own["leverage"], &own["isolated"], &own["bidNotional"]),
        (&json!("0.100"), &json!("20"), &json!(false), &json!("490.00000000"))
    );
    assert_eq!(own["openOrderInitialMargin"], "24.50000000");
    let dump = venue.books(0);
    assert_eq!(dump["balance"]["wallet_balance"], wallet);
}

#[test]
fn positions_in_both_modes() {
    let venue = start();
    venue.market("SELL", "0.100");
    let v2 = venue.get("/fapi/v2/positionRisk", "").ok();
    assert_eq!(v2.as_array().unwrap().len(), 2);
    let own = row(&v2, "BTCUSDT");
    assert_eq!(
        (&own["positionAmt"], &own["entryPrice"], &own["marginType"], &own["positionSide"]),
        (&json!("-0.100"), &json!("49999.9"), &json!("cross"), &json!("BOTH"))
    );
    assert_eq!(own["notional"], "-5000.00000000");
    assert_eq!(row(&v2, "ETHUSDT")["positionAmt"], "0.000");
    let v3 = venue.get("/fapi/v3/positionRisk", "").ok();
    assert_eq!(v3.as_array().unwrap().len(), 1);
    assert_eq!(
        (&v3[0]["initialMargin"], &v3[0]["marginAsset"]),
        (&json!("250.00000000"), &json!("USDT"))
    );
    let adl = venue.get("/fapi/v1/adlQuantile", "").ok();
    assert_eq!(adl[0]["symbol"], "BTCUSDT");
    assert!(adl[0]["adlQuantile"]["BOTH"].is_number());
    let blocked = venue.post("/fapi/v1/positionSide/dual", "dualSidePosition=true").refusal();
    assert_eq!(blocked.1, -4068);
    venue.market("BUY", "0.100");
    let done = venue.post("/fapi/v1/positionSide/dual", "dualSidePosition=true").ok();
    assert_eq!(done, json!({"code": 200, "msg": "success"}));
    let mode = venue.get("/fapi/v1/positionSide/dual", "").ok();
    assert_eq!(mode, json!({"dualSidePosition": true}));
    let same = venue.post("/fapi/v1/positionSide/dual", "dualSidePosition=TRUE").refusal();
    assert_eq!(same, (400, -4059, "No need to change position side.".to_owned()));
    let long = "symbol=BTCUSDT&side=BUY&positionSide=LONG&type=MARKET&quantity=0.01";
    venue.post("/fapi/v1/order", long).ok();
    let rows = venue.get("/fapi/v2/positionRisk", "symbol=BTCUSDT").ok();
    let sides: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["positionSide"]).collect();
    assert_eq!(sides, ["LONG", "SHORT"]);
    let plain = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";
    assert_eq!(venue.post("/fapi/v1/order", plain).refusal().1, -4061);
    assert_eq!(venue.books(0)["positions"][0]["positionAmt"], "0.010");
}

#[test]
fn leverage_and_margin_type() {
    let venue = start();
    let answer = venue.post("/fapi/v1/leverage", "symbol=BTCUSDT&leverage=10").ok();
    assert_eq!((&answer["leverage"], &answer["symbol"]), (&json!(10), &json!("BTCUSDT")));
    let most = answer["maxNotionalValue"].as_str().unwrap().to_owned();
    let invalid = venue.post("/fapi/v1/leverage", "symbol=BTCUSDT&leverage=500").refusal();
    assert_eq!(invalid, (400, -4028, "Leverage 500 is not valid".to_owned()));
    assert_eq!(venue.post("/fapi/v1/leverage", "symbol=BTCUSDT&leverage=-1").refusal().1, -4028);
    assert_eq!(venue.post("/fapi/v1/leverage", "symbol=BTCUSDT").refusal().1, -1102);
    venue.post("/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED").ok();
    let same = venue.post("/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED").refusal();
    assert_eq!(same.1, -4046);
    let config = venue.get("/fapi/v1/symbolConfig", "symbol=BTCUSDT").ok();
    assert_eq!(
        config,
        json!([{"symbol": "BTCUSDT", "marginType": "ISOLATED", "isAutoAddMargin": false,
                "leverage": 10, "maxNotionalValue": most}])
    );
    assert_eq!(venue.get("/fapi/v1/symbolConfig", "").ok().as_array().unwrap().len(), 2);
    let brackets = venue.get("/fapi/v1/leverageBracket", "symbol=BTCUSDT").ok();
    assert_eq!(brackets.as_array().unwrap().len(), 1, "a list, for one symbol too");
    assert_eq!(brackets[0]["brackets"][0]["bracket"], 1);
    assert!(brackets[0]["brackets"][0]["maintMarginRatio"].is_number());
    assert_eq!(venue.get("/fapi/v1/leverageBracket", "").ok().as_array().unwrap().len(), 2);
}

#[test]
fn margin_of_an_isolated_position_is_moved() {
    let venue = start();
    let params = "symbol=BTCUSDT&amount=10&type=1";
    assert_eq!(venue.post("/fapi/v1/positionMargin", params).refusal().1, -4049);
    venue.post("/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED").ok();
    assert_eq!(venue.post("/fapi/v1/positionMargin", params).refusal().1, -4054);
    venue.market("BUY", "0.100");
    let answer = venue.post("/fapi/v1/positionMargin", params).ok();
    assert_eq!(
        answer,
        json!({"amount": 10, "code": 200, "msg": "Successfully modify position margin.", "type": 1})
    );
    assert_eq!(
        venue.post("/fapi/v1/positionMargin", "symbol=BTCUSDT&amount=9999&type=2").refusal().1,
        -4051
    );
    venue.step(10);
    venue.post("/fapi/v1/positionMargin", "symbol=BTCUSDT&amount=4&type=2").ok();
    let rows = venue.get("/fapi/v1/positionMargin/history", "symbol=BTCUSDT").ok();
    let moved: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["type"].clone(), row["amount"].clone()))
        .collect();
    assert_eq!(moved, [(json!(1), json!("10")), (json!(2), json!("4"))]);
    let only = venue.get("/fapi/v1/positionMargin/history", "symbol=BTCUSDT&type=2").ok();
    assert_eq!(only.as_array().unwrap().len(), 1);
    let wallet = &venue.books(0)["positions"][0]["isolatedWallet"];
    // 5,000.01 / 20 less the fee of 2.500005, and 6 that were added.
    assert_eq!(wallet, "253.50049500");
}

#[test]
fn multi_assets_mode() {
    let venue = start();
    let mode = |wanted: &str| {
        venue.post("/fapi/v1/multiAssetsMargin", &format!("multiAssetsMargin={wanted}"))
    };
    assert_eq!(mode("false").refusal().1, -4171);
    assert_eq!(mode("true").ok()["code"], 200);
    let now = venue.get("/fapi/v1/multiAssetsMargin", "").ok();
    assert_eq!(now, json!({"multiAssetsMargin": true}));
    let isolated = venue.post("/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED");
    assert_eq!(isolated.refusal().1, -4168);
    assert_eq!(venue.get("/fapi/v1/accountConfig", "").ok()["multiAssetsMargin"], true);
}

#[test]
fn fees_limits_and_status() {
    let venue = start();
    let fees = venue.get("/fapi/v1/commissionRate", "symbol=BTCUSDT").ok();
    assert_eq!(
        (&fees["makerCommissionRate"], &fees["takerCommissionRate"]),
        (&json!("0.000200"), &json!("0.000500"))
    );
    let config = venue.get("/fapi/v1/accountConfig", "").ok();
    assert_eq!((&config["feeTier"], &config["dualSidePosition"]), (&json!(0), &json!(false)));
    let limits = venue.get("/fapi/v1/rateLimit/order", "").ok();
    assert_eq!(
        limits,
        json!([{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
               {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}])
    );
    venue.post("/fapi/v1/feeBurn", "feeBurn=true").ok();
    assert_eq!(venue.get("/fapi/v1/feeBurn", "").ok(), json!({"feeBurn": true}));
    let status = venue.get("/fapi/v1/apiTradingStatus", "").ok();
    assert_eq!(status, json!({"indicators": {}, "updateTime": venue.ms()}));
}

#[test]
fn accounts_do_not_see_each_other() {
    let venue = start();
    venue.resting("a");
    assert_eq!(venue.of(1, "GET", "/fapi/v1/openOrders", "").ok(), json!([]));
    let params = "symbol=BTCUSDT&origClientOrderId=a";
    assert_eq!(venue.of(1, "DELETE", "/fapi/v1/order", params).refusal().1, -2011);
    assert_eq!(venue.of(1, "GET", "/fapi/v2/balance", "").ok()[0]["balance"], "10000.00000000");
}

#[test]
fn collateral_is_an_asset_of_the_account() {
    let venue = start_with(|setup| {
        let btc = r#"{"asset":"BTC","amount":"0.5","price":{"fixed":"50000"}}"#;
        setup.exchange.collateral.push(serde_json::from_str(btc).unwrap());
        setup.exchange.multi_assets = true;
    });
    let v3 = venue.get("/fapi/v3/account", "").ok();
    let assets: Vec<_> = v3["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (&a["asset"], &a["walletBalance"]))
        .collect();
    assert_eq!(
        assets,
        [(&json!("USDT"), &json!("100000.00000000")), (&json!("BTC"), &json!("0.50000000"))]
    );
    assert_eq!(v3["assets"][0]["availableBalance"], v3["assets"][1]["availableBalance"]);
    assert_eq!(v3["availableBalance"], v3["assets"][1]["availableBalance"]);
}
