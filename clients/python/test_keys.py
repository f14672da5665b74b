"""Keys of all three kinds, with both clients: what they sign is taken, and what others sign is not."""

from decimal import Decimal

import ccxt
import pytest
from binance_common.errors import BadRequestError, Error, UnauthorizedError

from conftest import BTC, ccxt_rest, sdk_client
from venue import Account, Keys


def of_kind(account: Account, kind):
    return {
        "hmac": (account.key, account.secret),
        "rsa": (account.rsa_key, account.rsa_secret),
        "ed25519": (account.ed25519_key, account.ed25519_secret),
    }[kind]


KINDS = ["hmac", "rsa", "ed25519"]


@pytest.mark.parametrize("kind", KINDS)
def test_ccxt_signs(server, account, kind):
    key, secret = of_kind(account, kind)
    # Base64 has signs that a query escapes: several signatures meet them.
    client = ccxt_rest(server, key, secret)
    client.load_markets()
    for _ in range(8):
        client.create_order(BTC, "market", "buy", 0.002)
    assert server.books(account).amount("BTCUSDT") == Decimal("0.016")
    assert len(client.fetch_my_trades(BTC)) == len(server.books(account)["trades"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_signs(server, account, kind):
    key, secret = of_kind(account, kind)
    signs = {"secret": secret} if kind == "hmac" else {"private_key": secret}
    client = sdk_client(server, key, **signs).rest_api
    for _ in range(8):
        client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.002)
    assert server.books(account).amount("BTCUSDT") == Decimal("0.016")
    assert client.account_information_v3().data().total_wallet_balance == str(
        f"{server.books(account).wallet:.8f}"
    )


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_another_pair_does_not_sign(server, account, kind):
    key, _ = of_kind(account, kind)
    others = Keys.private_pem(getattr(Keys(), kind))
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        ccxt_rest(server, key, others).fetch_balance()
    with pytest.raises((BadRequestError, UnauthorizedError)) as refused:
        sdk_client(server, key, private_key=others).rest_api.account_information_v3()
    assert isinstance(refused.value, Error) and refused.value.status_code == -1022
    assert server.books(account)["orders"] == []
