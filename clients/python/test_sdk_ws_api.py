"""The official SDK over the WebSocket API: signed requests, and a session that is logged on."""

from decimal import Decimal

import pytest

from conftest import sdk_client
from test_ccxt_orders import away
from test_ccxt_streams import soon
from test_keys import KINDS, of_kind

pytestmark = pytest.mark.usefixtures("every_answer_fits")


def signs(account, kind):
    key, secret = of_kind(account, kind)
    return {"key": key, **({"secret": secret} if kind == "hmac" else {"private_key": secret})}


@pytest.fixture
async def api(server, account):
    api = sdk_client(server, account.key, account.secret).websocket_api
    await api.create_connection()
    yield api
    await api.close_connection()


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}


async def test_an_order_lives_and_dies(api, server, account):
    price = away(server)
    answer = await soon(api.new_order(**LIMIT, quantity=0.002, price=price, id="mine"))
    told = answer.data()
    assert (told.id, told.status, told.result.status) == ("mine", 200, "NEW")
    assert {row.rateLimitType for row in answer.rate_limits} == {"ORDERS", "REQUEST_WEIGHT"}
    which = {"symbol": "BTCUSDT", "order_id": told.result.order_id}
    assert server.books(account).order(which["order_id"])["status"] == "NEW"
    await soon(api.modify_order(**which, side="BUY", quantity=0.003, price=price - 10))
    assert server.books(account).order(which["order_id"])["origQty"] == "0.003"
    assert (await soon(api.query_order(**which))).data().result.orig_qty == "0.003"
    assert (await soon(api.cancel_order(**which))).data().result.status == "CANCELED"
    assert server.books(account).order(which["order_id"])["status"] == "CANCELED"


async def test_a_conditional_order(api, server, account):
    at = round(float(server.touch("BTCUSDT")[1]) * 1.03, 1)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET", "quantity": 0.002}
    answer = await soon(api.new_algo_order(algo_type="CONDITIONAL", **order, trigger_price=at))
    algo_id = answer.data().result.algo_id
    assert server.books(account).algo(algo_id)["orderType"] == "STOP_MARKET"
    await soon(api.cancel_algo_order(algo_id=algo_id))
    assert server.books(account).algo(algo_id)["algoStatus"] == "CANCELED"


async def test_the_account(api, server, account):
    await soon(api.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01))
    books = server.books(account)
    wallet = f"{books.wallet:.8f}"
    for call in (api.account_information, api.account_information_v2):
        assert (await soon(call())).data().result.total_wallet_balance == wallet
    for call in (api.futures_account_balance, api.futures_account_balance_v2):
        rows = {row.asset: row.balance for row in (await soon(call())).data().result}
        assert rows["USDT"] == wallet
    for call in (api.position_information, api.position_information_v2):
        rows = (await soon(call(symbol="BTCUSDT"))).data().result
        held = [Decimal(row.position_amt) for row in rows]
        assert [amount for amount in held if amount] == [books.amount("BTCUSDT")]


async def test_market_data(api, server):
    book = (await soon(api.order_book(symbol="BTCUSDT", limit=5))).data().result
    assert book.last_update_id > 0, "the SDK's model has no bids and asks"
    quote = (await soon(api.symbol_order_book_ticker(symbol="BTCUSDT"))).data().actual_instance
    assert Decimal(quote.result.bid_price) < Decimal(quote.result.ask_price)
    price = (await soon(api.symbol_price_ticker(symbol="BTCUSDT"))).data().actual_instance
    assert Decimal(price.result.price) > 0
    every = (await soon(api.symbol_price_ticker())).data().actual_instance
    assert [row.symbol for row in every.result] == ["BTCUSDT", "ETHUSDT"]


async def test_a_listen_key(api, server, account):
    key = (await soon(api.start_user_data_stream())).data().result.listen_key
    assert (await soon(api.keepalive_user_data_stream())).data().result.listen_key == key
    assert server.call("GET", "/accounts")[account.number]["listen_key"] is True
    assert (await soon(api.close_user_data_stream())).data().status == 200
    assert server.call("GET", "/accounts")[account.number]["listen_key"] is False


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_key(server, account, kind):
    api = sdk_client(server, **signs(account, kind)).websocket_api
    await api.create_connection()
    try:
        for _ in range(4):
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.002}
            assert (await soon(api.new_order(**order))).data().status == 200
        assert server.books(account).amount("BTCUSDT") == Decimal("0.008")
    finally:
        await api.close_connection()


async def test_a_session(server, account):
    """Logged on with Ed25519, a connection needs neither keys nor signatures; RSA cannot log on."""
    api = sdk_client(server, **signs(account, "ed25519")).websocket_api
    await api.create_connection()
    try:
        logon = {"method": "session.logon", "params": {}}
        answer = await soon(api.send_signed_message(logon, api.signer, session_logon=True))
        assert answer.data()["result"]["apiKey"] == account.ed25519_key
        assert api.connections[0].is_session_log_on is True
        # From here on the SDK sends only a timestamp.
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.002}
        assert (await soon(api.new_order(**order))).data().status == 200
        assert server.books(account).amount("BTCUSDT") == Decimal("0.002")
        status = await soon(api.send_message({"method": "session.status", "params": {}}))
        assert status.data()["result"]["apiKey"] == account.ed25519_key
        leave = {"method": "session.logout", "params": {}}
        left = await soon(api.send_message(leave, session_logout=True))
        assert left.data()["result"]["apiKey"] is None
    finally:
        await api.close_connection()


@pytest.mark.parametrize("kind", ["hmac", "rsa"])
async def test_only_ed25519_logs_on(server, account, kind):
    api = sdk_client(server, **signs(account, kind)).websocket_api
    await api.create_connection()
    try:
        logon = {"method": "session.logon", "params": {}}
        answer = await soon(api.send_signed_message(logon, api.signer, session_logon=True))
        assert answer.data()["error"]["code"] < 0
    finally:
        await api.close_connection()


async def test_what_is_refused(api, server, account):
    """The SDK does not raise here: it hands the error over."""

    async def code(call):
        return (await soon(call)).data()["error"]["code"]

    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    assert await code(api.new_order(**market, quantity=90)) == -2019
    assert await code(api.new_order(**{**market, "symbol": "NOPEUSDT"}, quantity=1)) == -1121
    assert await code(api.cancel_order(symbol="BTCUSDT", order_id=123_456)) == -2011
    assert await code(api.query_order(symbol="BTCUSDT", order_id=123_456)) == -2013
    unknown = api.send_message({"method": "order.nothing", "params": {}})
    assert isinstance(await code(unknown), int)
    assert server.books(account)["orders"] == []


async def test_a_wrong_signature(server, account):
    api = sdk_client(server, account.key, "not-the-secret").websocket_api
    await api.create_connection()
    try:
        answer = await soon(api.account_information_v2())
        assert answer.data()["error"]["code"] == -1022
    finally:
        await api.close_connection()
