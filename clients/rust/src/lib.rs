//! A real `qsim serve` for the tests, and a look into its books by the admin routes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use rust_decimal::Decimal;
use serde_json::Value;

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A key of account 0, and what signs with it.
#[derive(Clone, Debug)]
pub enum Key {
    /// HMAC with a shared secret.
    Hmac { key: String, secret: String },
    /// RSA or Ed25519, as PEM (PKCS #8).
    Pem { key: String, pem: String },
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    folder: PathBuf,
    pub rest: String,
    pub streams: String,
    pub ws_api: String,
    admin: String,
    pub hmac: Key,
    pub rsa: Key,
    pub ed25519: Key,
}

fn pem(key: &PKey<Private>) -> (String, String) {
    let private = key.private_key_to_pem_pkcs8().expect("a private key has a PEM form");
    let public = key.public_key_to_pem().expect("a public key has a PEM form");
    let text = |bytes| String::from_utf8(bytes).expect("PEM is ASCII");
    (text(private), text(public))
}

fn program() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/qsim");
    std::env::var_os("QSIM").map_or(built, PathBuf::from)
}

impl Server {
    /// Starts one, on free ports.
    pub fn start(more: &[&str]) -> Server {
        let rsa = PKey::from_rsa(Rsa::generate(2048).expect("an RSA key")).expect("a key");
        let (rsa_private, rsa_public) = pem(&rsa);
        let (ed_private, ed_public) = pem(&PKey::generate_ed25519().expect("an Ed25519 key"));
        let keys = format!(
            "[[key]]\nkey = \"hmac\"\naccount = 1\nsecret = \"a-secret\"\n\
             [[key]]\nkey = \"rsa\"\naccount = 1\npublic_key = \"\"\"{rsa_public}\"\"\"\n\
             [[key]]\nkey = \"ed\"\naccount = 1\npublic_key = \"\"\"{ed_public}\"\"\"\n"
        );
        let name = format!("qsim-clients-{}-{:p}", std::process::id(), &keys);
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the keys");
        let file = folder.join("keys.toml");
        std::fs::write(&file, keys).expect("a file of keys");
        let market = Path::new(env!("CARGO_MANIFEST_DIR")).join("../market.toml");
        let mut child = Command::new(program())
            .arg("serve")
            .arg(market)
            .args(["--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--keys"])
            .arg(file)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("qsim starts: build it, or say where it is by QSIM");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is ours");
        BufReader::new(out).read_line(&mut line).expect("it says when it is ready");
        let told = |name: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in {line:?}")).to_owned()
        };
        let pem = |key: &str, pem| Key::Pem { key: key.to_owned(), pem };
        Server {
            rest: told("rest="),
            streams: told("streams="),
            ws_api: told("ws_api="),
            admin: told("admin="),
            hmac: Key::Hmac { key: "hmac".to_owned(), secret: "a-secret".to_owned() },
            rsa: pem("rsa", rsa_private),
            ed25519: pem("ed", ed_private),
            child,
            folder,
        }
    }

    /// POST to an admin route.
    pub fn post(&self, path: &str, body: Value) -> Value {
        let answer = ureq::post(format!("{}{path}", self.admin)).send_json(body);
        answer.expect("the admin route answers").body_mut().read_json().expect("in JSON")
    }

    fn get(&self, address: String) -> Value {
        let answer = ureq::get(address).call();
        answer.expect("the server answers").body_mut().read_json().expect("in JSON")
    }

    /// All that the server keeps of the account.
    pub fn books(&self) -> Books {
        Books(self.get(format!("{}/accounts/0", self.admin)))
    }

    /// Best bid and ask.
    pub fn touch(&self, symbol: &str) -> (Decimal, Decimal) {
        let quote = self.get(format!("{}/fapi/v1/ticker/bookTicker?symbol={symbol}", self.rest));
        (number(&quote["bidPrice"]), number(&quote["askPrice"]))
    }

    /// A price that rests below the market, on the tick.
    pub fn away(&self) -> Decimal {
        (self.touch("BTCUSDT").0 * Decimal::new(98, 2)).round_dp(1)
    }

    /// The books, once the condition holds.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&Books) -> bool) -> Books {
        let started = Instant::now();
        loop {
            let books = self.books();
            if holds(&books) {
                return books;
            }
            assert!(started.elapsed() < PATIENCE, "in vain: {what}: {:?}", books.0);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A decimal that JSON has as a string.
pub fn number(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no string"));
    Decimal::from_str(text).unwrap_or_else(|_| panic!("{text} is no number"))
}

/// What the server knows of an account, in the shapes of REST.
#[derive(Debug)]
pub struct Books(pub Value);

impl Books {
    fn row(&self, list: &str, name: &str, id: i64) -> &Value {
        let rows = self.0[list].as_array().expect("a list");
        let mut found = rows.iter().filter(|row| row[name].as_i64() == Some(id));
        let row = found.next().unwrap_or_else(|| panic!("no {name} {id} in {list}"));
        assert!(found.next().is_none(), "{name} {id} stands twice");
        row
    }

    /// An order by its id.
    pub fn order(&self, id: i64) -> &Value {
        self.row("orders", "orderId", id)
    }

    /// A conditional order by its id.
    pub fn algo(&self, id: i64) -> &Value {
        self.row("algoOrders", "algoId", id)
    }

    /// How many rows a list has.
    pub fn count(&self, list: &str) -> usize {
        self.0[list].as_array().expect("a list").len()
    }

    /// A position of one-way mode.
    pub fn position(&self, symbol: &str) -> &Value {
        let rows = self.0["positions"].as_array().expect("a list");
        rows.iter().find(|row| row["symbol"] == symbol).unwrap_or(&Value::Null)
    }

    /// Its amount.
    pub fn amount(&self, symbol: &str) -> Decimal {
        let row = self.position(symbol);
        if row.is_null() { Decimal::ZERO } else { number(&row["positionAmt"]) }
    }

    /// The wallet, in USDT.
    pub fn wallet(&self) -> Decimal {
        number(&self.0["balance"]["wallet_balance"])
    }
}
