"""ccxt over REST: the account and its settings, held against the server's books."""

from decimal import Decimal

import ccxt
import pytest

from conftest import BTC, ETH, ccxt_rest, refused


def test_balance(rest, server, account):
    balance = rest.fetch_balance()
    assert balance["USDT"]["total"] == 10_000
    assert balance["USDT"]["free"] == 10_000
    for version in ("v2", "v3"):
        assert rest.fetch_balance({"useV2": version == "v2"})["USDT"]["total"] == 10_000
    rest.create_order(BTC, "market", "buy", 0.01)
    wallet = float(server.books(account).wallet)
    assert rest.fetch_balance()["info"]["totalWalletBalance"] == f"{wallet:.8f}"


def test_positions(rest, server, account):
    assert rest.fetch_positions() == []
    rest.create_order(BTC, "market", "buy", 0.01)
    rest.create_order(ETH, "market", "sell", 0.2)
    kept = server.books(account)
    for method in ("positionRisk", "account"):
        rows = {row["symbol"]: row for row in rest.fetch_positions(None, {"method": method})}
        assert (rows[BTC]["side"], rows[BTC]["contracts"]) == ("long", 0.01)
        assert (rows[ETH]["side"], rows[ETH]["contracts"]) == ("short", 0.2)
    entry = float(kept.position("BTCUSDT")["entryPrice"])
    told = rest.fetch_positions([BTC])[0]
    assert abs(told["entryPrice"] - entry) < 0.01
    v2 = rest.fetch_positions_risk([BTC], {"useV2": True})
    assert v2[0]["leverage"] == 20


def test_leverage(rest, server, account):
    rest.set_leverage(7, BTC)
    rest.create_order(BTC, "market", "buy", 0.01)
    assert server.books(account).position("BTCUSDT")["leverage"] == "7"
    assert rest.fetch_leverages([BTC])[BTC]["longLeverage"] == 7
    wild = {"symbol": "BTCUSDT", "leverage": 999}
    assert refused(rest, -4028, lambda: rest.fapiprivate_post_leverage(wild)) is ccxt.BadRequest


def test_margin_type(rest, server, account):
    rest.set_margin_mode("isolated", BTC)
    rest.create_order(BTC, "market", "buy", 0.01)
    assert server.books(account).position("BTCUSDT")["marginType"] == "isolated"
    assert rest.fetch_margin_mode(BTC)["marginMode"] == "isolated"
    with pytest.raises(ccxt.MarginModeAlreadySet, match="-4046"):
        rest.set_margin_mode("isolated", BTC)


def test_margin_of_an_isolated_position(rest, server, account):
    rest.set_margin_mode("isolated", BTC)
    rest.create_order(BTC, "market", "buy", 0.01)
    before = Decimal(server.books(account).position("BTCUSDT")["isolatedWallet"])
    rest.add_margin(BTC, 25)
    more = Decimal(server.books(account).position("BTCUSDT")["isolatedWallet"])
    assert more == before + 25
    rest.reduce_margin(BTC, 5)
    assert Decimal(server.books(account).position("BTCUSDT")["isolatedWallet"]) == more - 5
    history = rest.fetch_margin_adjustment_history(BTC)
    assert [(row["type"], row["amount"]) for row in history] == [("add", 25), ("reduce", 5)]


def test_position_mode(rest, server, account):
    assert rest.fetch_position_mode()["hedged"] is False
    rest.set_position_mode(True)
    assert rest.fetch_position_mode()["hedged"] is True
    rest.create_order(BTC, "market", "buy", 0.01, None, {"positionSide": "LONG"})
    rest.create_order(BTC, "market", "sell", 0.004, None, {"positionSide": "SHORT"})
    books = server.books(account)
    assert books.amount("BTCUSDT", "LONG") == Decimal("0.010")
    assert books.amount("BTCUSDT", "SHORT") == Decimal("-0.004")
    sides = {row["side"]: row["contracts"] for row in rest.fetch_positions([BTC])}
    assert sides == {"long": 0.01, "short": 0.004}
    rest.create_order(BTC, "market", "sell", 0.01, None, {"positionSide": "LONG"})
    assert server.books(account).amount("BTCUSDT", "LONG") == 0
    refused(rest, -4068, lambda: rest.set_position_mode(False))


def test_fees_and_brackets(rest):
    fee = rest.fetch_trading_fee(BTC)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    tiers = rest.fetch_leverage_tiers([BTC])[BTC]
    assert [tier["tier"] for tier in tiers] == list(range(1, len(tiers) + 1))
    assert tiers[0]["maxLeverage"] >= 100 and tiers[0]["minNotional"] == 0
    caps = [tier["maxNotional"] for tier in tiers]
    assert caps == sorted(caps)


def test_income(rest, server, account):
    rest.create_order(BTC, "market", "buy", 0.01)
    rest.create_order(BTC, "market", "sell", 0.01)
    kept = [row for row in server.books(account)["income"] if row["incomeType"] == "COMMISSION"]
    rows = rest.fetch_ledger("USDT", None, None, {"incomeType": "COMMISSION"})
    assert len(rows) == len(kept) >= 2
    paid = sum(Decimal(row["income"]) for row in kept)
    assert {row["direction"] for row in rows} == {"out"}
    assert abs(sum(row["amount"] for row in rows) - abs(float(paid))) < 1e-9
    kinds = {row["incomeType"] for row in rest.fapiprivate_get_income()}
    assert {"COMMISSION", "REALIZED_PNL"} <= kinds


def test_settings_of_the_account(rest):
    assert rest.fapiprivate_get_accountconfig()["dualSidePosition"] is False
    rows = rest.fapiprivate_get_symbolconfig({"symbol": "BTCUSDT"})
    assert (rows[0]["symbol"], str(rows[0]["leverage"])) == ("BTCUSDT", "20")
    assert rest.fapiprivate_get_multiassetsmargin()["multiAssetsMargin"] is False
    assert {row["interval"] for row in rest.fapiprivate_get_ratelimit_order()} == {"SECOND", "MINUTE"}
    assert rest.fapiprivate_get_adlquantile({"symbol": "BTCUSDT"}) is not None
    assert rest.fapiprivate_get_forceorders() == []


def test_multi_assets_mode(rest, server, account):
    rest.fapiprivate_post_multiassetsmargin({"multiAssetsMargin": "true"})
    assert rest.fapiprivate_get_multiassetsmargin()["multiAssetsMargin"] is True
    refused(
        rest,
        -4168,
        lambda: rest.fapiprivate_post_margintype({"symbol": "BTCUSDT", "marginType": "ISOLATED"}),
    )


def test_funding_is_paid(stepped):
    """On a clock that a test moves: eight hours take no time."""
    account = stepped.account()
    client = ccxt_rest(stepped, account.key, account.secret)
    client.load_markets()
    stepped.step(ms=60_000)
    client.create_order(BTC, "market", "buy", 0.01)
    due = int(client.fetch_funding_rate(BTC)["fundingTimestamp"])
    stepped.step(to=due + 1_000)
    rows = client.fetch_funding_history(BTC)
    kept = [r for r in stepped.books(account)["income"] if r["incomeType"] == "FUNDING_FEE"]
    assert [row["amount"] for row in rows] == [float(row["income"]) for row in kept]
    assert len(rows) == 1 and rows[0]["amount"] < 0, "longs pay a positive rate"
    settled = client.fetch_funding_rate_history(BTC)
    assert settled[-1]["fundingRate"] == 0.0001
