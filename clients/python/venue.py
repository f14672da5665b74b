"""A real `qsim serve`, its accounts, and a look into its books by the admin routes."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

HERE = pathlib.Path(__file__).resolve().parent
MARKET = HERE.parent / "market.toml"
QSIM = os.environ.get("QSIM") or str(HERE.parent.parent / "target" / "debug" / "qsim")

ACCOUNTS = 200
# No test waits longer than this for anything, in seconds.
PATIENCE = 30.0


def until(condition, what, seconds=PATIENCE):
    """Asks until the condition gives something true, and returns that."""
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Keys:
    """One RSA and one Ed25519 pair, in the form in which Binance's users hold them."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()

    @staticmethod
    def private_pem(key):
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @staticmethod
    def public_pem(key):
        return (
            key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )


KEYS = Keys()


@dataclass(frozen=True)
class Account:
    """An account of the server, and its three keys."""

    number: int

    @property
    def key(self):
        return f"hmac{self.number}"

    @property
    def secret(self):
        return f"secret{self.number}"

    @property
    def rsa_key(self):
        return f"rsa{self.number}"

    @property
    def ed25519_key(self):
        return f"ed{self.number}"

    @property
    def rsa_secret(self):
        return Keys.private_pem(KEYS.rsa)

    @property
    def ed25519_secret(self):
        return Keys.private_pem(KEYS.ed25519)


def key_file():
    tables = []
    for number in range(ACCOUNTS):
        account = Account(number)
        own = [
            (account.key, f'secret = "{account.secret}"'),
            (account.rsa_key, f'public_key = """{Keys.public_pem(KEYS.rsa)}"""'),
            (account.ed25519_key, f'public_key = """{Keys.public_pem(KEYS.ed25519)}"""'),
        ]
        for key, secret in own:
            tables.append(f'[[key]]\nkey = "{key}"\naccount = {number + 1}\n{secret}\n')
    file = tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False)
    with file:
        file.write("\n".join(tables))
    return file.name


class Books(dict):
    """All that the server keeps of an account, in the shapes of REST."""

    def position(self, symbol, side="BOTH"):
        for row in self["positions"]:
            if row["symbol"] == symbol and row["positionSide"] == side:
                return row
        return {"positionAmt": "0", "entryPrice": "0", "symbol": symbol}

    def amount(self, symbol, side="BOTH"):
        return Decimal(self.position(symbol, side)["positionAmt"])

    def order(self, order_id):
        rows = [row for row in self["orders"] if str(row["orderId"]) == str(order_id)]
        assert len(rows) == 1, f"order {order_id} stands {len(rows)} times in the books"
        return rows[0]

    def algo(self, algo_id):
        rows = [row for row in self["algoOrders"] if str(row["algoId"]) == str(algo_id)]
        assert len(rows) == 1, f"algo order {algo_id} stands {len(rows)} times in the books"
        return rows[0]

    def fills(self, order_id):
        return [row for row in self["trades"] if str(row["orderId"]) == str(order_id)]

    @property
    def wallet(self):
        return Decimal(self["balance"]["wallet_balance"])


class Server:
    """A server that runs until `stop`."""

    def __init__(self, *arguments):
        self.keys = key_file()
        command = [QSIM, "serve", str(MARKET), "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        command += ["--keys", self.keys, *arguments]
        self.errors = []
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.drain = threading.Thread(target=self._read_errors, daemon=True)
        self.drain.start()
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.stop()
            raise AssertionError(f"{command} said {line!r} and {''.join(self.errors)!r}")
        told = dict(word.split("=", 1) for word in line.split()[1:])
        self.rest, self.streams = told["rest"], told["streams"]
        self.ws_api, self.admin = told["ws_api"], told["admin"]
        self.host = self.rest.removeprefix("http://")
        self.given = 0

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.drain.join(10)
        os.unlink(self.keys)

    def account(self):
        """An account that no test has touched."""
        assert self.given < ACCOUNTS, "more accounts than the key file has: raise ACCOUNTS"
        self.given += 1
        return Account(self.given - 1)

    def call(self, method, path, body=None):
        """An admin route."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.admin + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def books(self, account):
        """What the server knows of an account."""
        return Books(self.call("GET", f"/accounts/{account.number}"))

    def wait_for(self, account, condition, what):
        """The books, once the condition holds."""

        def look():
            books = self.books(account)
            return books if condition(books) else None

        return until(look, what)

    def fault(self, **fault):
        self.call("POST", "/faults", fault)

    def step(self, **how):
        return self.call("POST", "/step", how)

    def public(self, path):
        """A public route, past all clients."""
        with urllib.request.urlopen(self.rest + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def touch(self, symbol):
        """Best bid and ask."""
        quote = self.public(f"/fapi/v1/ticker/bookTicker?symbol={symbol}")
        return Decimal(quote["bidPrice"]), Decimal(quote["askPrice"])

    def mark(self, symbol):
        return Decimal(self.public(f"/fapi/v1/premiumIndex?symbol={symbol}")["markPrice"])

    def conserved(self):
        """No money came from nowhere, whatever the clients did."""
        assert self.call("GET", "/conservation") == {}
