"""The official SDK over REST: the account, its settings, and the errors of the SDK."""

from decimal import Decimal

import pytest
from binance_common.errors import (
    BadRequestError,
    NetworkError,
    NotFoundError,
    RateLimitBanError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)

from conftest import sdk_client
from test_sdk_orders import BUY, limit
from venue import Server

pytestmark = pytest.mark.usefixtures("every_answer_fits")


def test_balance_and_account(sdk, server, account):
    sdk.new_order(**BUY, type="MARKET", quantity=0.01)
    wallet = f"{server.books(account).wallet:.8f}"
    for call in (sdk.account_information_v2, sdk.account_information_v3):
        assert call().data().total_wallet_balance == wallet
    for call in (sdk.futures_account_balance_v2, sdk.futures_account_balance_v3):
        rows = {row.asset: row.balance for row in call().data()}
        assert rows["USDT"] == wallet
    for call in (sdk.position_information_v2, sdk.position_information_v3):
        amounts = [Decimal(row.position_amt) for row in call(symbol="BTCUSDT").data()]
        assert [amount for amount in amounts if amount] == [Decimal("0.01")]


def test_fills_and_income(sdk, server, account):
    sdk.new_order(**BUY, type="MARKET", quantity=0.01)
    kept = server.books(account)
    told = sdk.account_trade_list(symbol="BTCUSDT").data()
    assert [(row.id, row.qty, row.commission) for row in told] == [
        (row["id"], row["qty"], row["commission"]) for row in kept["trades"]
    ]
    income = sdk.get_income_history(income_type="COMMISSION").data()
    assert sum(Decimal(row.income) for row in income) == kept.wallet - 10_000


def test_leverage_and_margin_type(sdk, server, account):
    assert sdk.change_initial_leverage(symbol="BTCUSDT", leverage=9).data().leverage == 9
    assert sdk.change_margin_type(symbol="BTCUSDT", margin_type="ISOLATED").data().code == 200
    sdk.new_order(**BUY, type="MARKET", quantity=0.01)
    row = server.books(account).position("BTCUSDT")
    assert (row["leverage"], row["marginType"]) == ("9", "isolated")
    before = Decimal(server.books(account).position("BTCUSDT")["isolatedWallet"])
    sdk.modify_isolated_position_margin(symbol="BTCUSDT", amount=12.5, type=1)
    after = Decimal(server.books(account).position("BTCUSDT")["isolatedWallet"])
    assert after == before + Decimal("12.5")
    rows = sdk.get_position_margin_change_history(symbol="BTCUSDT").data()
    assert [(row.type, Decimal(row.amount)) for row in rows] == [(1, Decimal("12.5"))]
    with pytest.raises(BadRequestError) as refused:
        sdk.change_margin_type(symbol="BTCUSDT", margin_type="CROSSED")
    assert refused.value.status_code == -4048


def test_modes(sdk, server, account):
    sdk.change_position_mode(dual_side_position="true")
    assert sdk.get_current_position_mode().data().dual_side_position is True
    sdk.new_order(**BUY, type="MARKET", quantity=0.01, position_side="LONG")
    assert server.books(account).amount("BTCUSDT", "LONG") == Decimal("0.01")
    sdk.change_multi_assets_mode(multi_assets_margin="true")
    assert sdk.get_current_multi_assets_mode().data().multi_assets_margin is True


def test_settings(sdk):
    assert sdk.futures_account_configuration().data().can_trade is True
    assert sdk.symbol_configuration(symbol="BTCUSDT").data()[0].leverage == 20
    assert sdk.user_commission_rate(symbol="BTCUSDT").data().taker_commission_rate == "0.000500"
    brackets = sdk.notional_and_leverage_brackets(symbol="BTCUSDT").data()
    rows = brackets.actual_instance if hasattr(brackets, "actual_instance") else brackets
    rows = rows if isinstance(rows, list) else [rows]
    assert rows[0].brackets[0].initial_leverage >= 100
    assert sdk.query_user_rate_limit().data()
    assert sdk.get_bnb_burn_status().data().fee_burn in (True, False)
    sdk.toggle_bnb_burn_on_futures_trade(fee_burn="true")
    assert sdk.get_bnb_burn_status().data().fee_burn is True
    sdk.position_adl_quantile_estimation().data()
    assert sdk.users_force_orders().data() == []


def test_a_listen_key(sdk, server, account):
    key = sdk.start_user_data_stream().data().listen_key
    assert sdk.start_user_data_stream().data().listen_key == key
    assert sdk.keepalive_user_data_stream().data().listen_key == key
    assert server.call("GET", "/accounts")[account.number]["listen_key"] is True
    sdk.close_user_data_stream()
    assert server.call("GET", "/accounts")[account.number]["listen_key"] is False
    with pytest.raises(BadRequestError) as refused:
        sdk.keepalive_user_data_stream()
    assert refused.value.status_code == -1125


def test_refusals(sdk, server, account):
    def code(call, **order):
        with pytest.raises(BadRequestError) as refused:
            call(**order)
        return refused.value.status_code

    assert code(sdk.new_order, **BUY, type="MARKET", quantity=90) == -2019
    assert code(sdk.new_order, **{**BUY, "symbol": "NOPEUSDT"}, type="MARKET", quantity=1) == -1121
    shorts = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": 0.002}
    assert code(sdk.new_order, **shorts, reduce_only="true") == -2022
    assert code(sdk.cancel_order, symbol="BTCUSDT", order_id=123_456) == -2011
    assert code(sdk.query_order, symbol="BTCUSDT", order_id=123_456) == -2013
    assert code(sdk.new_order, **BUY, type="STOP_MARKET", quantity=0.002) == -4120
    assert server.books(account)["orders"] == []
    limit(sdk, server, new_client_order_id="twice")
    with pytest.raises(BadRequestError) as refused:
        limit(sdk, server, new_client_order_id="twice")
    assert refused.value.status_code == -4116
    assert len(server.books(account)["orders"]) == 1


def test_keys_that_do_not_open(server, account):
    wrong = sdk_client(server, account.key, "not-the-secret").rest_api
    with pytest.raises((BadRequestError, UnauthorizedError)) as refused:
        wrong.new_order(**BUY, type="MARKET", quantity=0.002)
    assert refused.value.status_code == -1022
    nobody = sdk_client(server, "nobody", account.secret).rest_api
    with pytest.raises(UnauthorizedError) as refused:
        nobody.account_information_v3()
    assert refused.value.status_code == -2015
    assert server.books(account)["orders"] == []


def test_a_path_that_is_not_there(sdk):
    """The conversion of assets is no part of the exchange. (The SDK's own `send_request` cannot be called at all.)"""
    with pytest.raises(NotFoundError) as refused:
        sdk.list_all_convert_pairs(from_asset="USDT")
    assert refused.value.status_code == -5000


def test_a_clock_that_is_wrong():
    own = Server("--no-limits")
    try:
        account = own.account()
        client = sdk_client(own, account.key, account.secret).rest_api
        for wrong in (-60_000, 60_000):
            own.call("POST", "/skew", {"ms": wrong})
            with pytest.raises(BadRequestError) as refused:
                client.account_information_v3()
            assert refused.value.status_code == -1021
        own.call("POST", "/skew", {"ms": 0})
        assert client.account_information_v3().data().total_wallet_balance == "10000.00000000"
    finally:
        own.stop()


def test_limits_and_bans():
    own = Server()
    try:
        account = own.account()
        client = sdk_client(own, account.key, account.secret).rest_api
        own.fault(kind="rate_limit", times=1)
        with pytest.raises(TooManyRequestsError) as refused:
            client.account_information_v3()
        assert refused.value.retry_after > 0
        own.fault(kind="ban", times=1, ms=60_000)
        for _ in range(2):
            with pytest.raises(RateLimitBanError) as refused:
                client.account_information_v3()
        assert 0 < refused.value.retry_after <= 60
    finally:
        own.stop()


def test_an_outcome_that_is_not_known(sdk, server, account):
    fault = {"times": 1, "account": account.number, "path": "/fapi/v1/order"}
    server.fault(kind="unknown503", executed=True, **fault)
    with pytest.raises(ServerError):
        limit(sdk, server, new_client_order_id="unknown")
    assert sdk.query_order(symbol="BTCUSDT", orig_client_order_id="unknown").data().status == "NEW"
    server.fault(kind="drop_after", **fault)
    with pytest.raises(NetworkError):
        limit(sdk, server, new_client_order_id="lost")
    names = [row["clientOrderId"] for row in server.books(account)["orders"]]
    assert names == ["unknown", "lost"]
