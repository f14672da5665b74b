"""The server that the tests share, and the clients, with nothing of them changed but their addresses."""

import json

import ccxt
import ccxt.pro
import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)

from venue import Server

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture(scope="session")
def server():
    """On the wall's clock, without limits: all tests come from one address."""
    server = Server("--no-limits")
    yield server
    server.conserved()
    server.stop()


@pytest.fixture
def stepped():
    """A server whose clock stands until a test moves it."""
    server = Server("--no-limits", "--speed", "stepped", "--any-timestamp")
    yield server
    server.conserved()
    server.stop()


@pytest.fixture
def account(server):
    return server.account()


def ccxt_urls(server):
    rest = server.rest
    return {
        "fapiPublic": f"{rest}/fapi/v1",
        "fapiPublicV2": f"{rest}/fapi/v2",
        "fapiPublicV3": f"{rest}/fapi/v3",
        "fapiPrivate": f"{rest}/fapi/v1",
        "fapiPrivateV2": f"{rest}/fapi/v2",
        "fapiPrivateV3": f"{rest}/fapi/v3",
        "fapiData": f"{rest}/futures/data",
    }


def ccxt_settings(key, secret):
    # Currencies come from another service of Binance (the wallet of spot), which is not served here.
    return {"apiKey": key, "secret": secret, "options": {"fetchCurrencies": False}}


def ccxt_rest(server, key, secret):
    client = ccxt.binanceusdm(ccxt_settings(key, secret))
    client.urls["api"].update(ccxt_urls(server))
    return client


def ccxt_pro(server, key, secret):
    client = ccxt.pro.binanceusdm(ccxt_settings(key, secret))
    client.urls["api"].update(ccxt_urls(server))
    client.urls["api"]["ws"]["linear"] = f"{server.streams}/ws"
    client.urls["api"]["ws"]["ws-api"]["linear"] = server.ws_api
    return client


def sdk_client(server, key=None, secret=None, private_key=None):
    """The official SDK with its three parts."""
    keys = {"api_key": key, "api_secret": secret, "private_key": private_key}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(base_path=server.rest, timeout=10_000, **keys),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=server.ws_api, **keys),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=server.streams),
    )


@pytest.fixture
def rest(server, account):
    """ccxt's REST client with an account of its own, whose markets are loaded."""
    client = ccxt_rest(server, account.key, account.secret)
    client.load_markets()
    return client


@pytest.fixture
async def pro(server, account):
    """ccxt.pro with an account of its own."""
    client = ccxt_pro(server, account.key, account.secret)
    await client.load_markets()
    yield client
    await client.close()


@pytest.fixture
def sdk(server, account):
    """The official SDK's REST client with an account of its own."""
    return sdk_client(server, account.key, account.secret).rest_api


def at_binance(client):
    """What ccxt raises for its last answer where it comes from Binance's own host.

    ccxt chooses its table of exceptions for linear contracts by the beginning of the address
    (`https://fapi.binance.com/`), so that at any other address some codes are a plain ExchangeError.
    """
    body = client.last_http_response
    url = "https://fapi.binance.com/fapi/v1/order"
    try:
        client.handle_errors(400, "", url, "POST", {}, body, json.loads(body), None, None)
    except ccxt.BaseError as error:
        return type(error)
    return None


def refused(client, code, call):
    """Does what has to be refused with this code, and says which exception Binance's users would see."""
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},') as raised:
        call()
    kind = at_binance(client)
    assert kind is raised.type or raised.type is ccxt.ExchangeError, raised
    return kind


@pytest.fixture
def every_answer_fits(caplog):
    """The SDK reads each answer into a model of its own; where one does not fit it only warns."""
    yield
    told = [record.getMessage() for record in caplog.records]
    assert [text for text in told if "declared types" in text or "Failed to parse" in text] == []
