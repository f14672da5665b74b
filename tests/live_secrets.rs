//! Nothing that a session says or writes holds a secret: with each kind of key, at the most talkative level of the log, in
//! each kind of failure.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/running.rs"]
mod running;
mod support;
#[path = "support/test_keys.rs"]
mod test_keys;

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::JournalFile;
use running::{Redis, Running, http, until};
use serde_json::Value as Json;
use support::Folder;
use support::pace::{lead, speed, steadily};
use support::served::{Served, entries};
use test_keys::pem;

const SCENARIO: &str = r#"
seed = 2
[market.synthetic]
model = "order_flow"
minutes = 60
[live]
key_file = "key"
secret_file = "secret"
metrics = "127.0.0.1:0"
"#;
/// As at the venue: letters and digits.
const API_KEY: &str = "kEyOfTheTests0123456789abcdefXYZ";
/// Not only letters, so that forms of it differ.
const HMAC: &str = "hush/Hush=+0123456789~secret*text";
const PASSWORD: &str = "pass=of/Redis+0123456789";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte.is_ascii_alphanumeric() {
            true => out.push(char::from(byte)),
            false => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let of = |place: usize| u32::from(part.get(place).copied().unwrap_or(0));
        let all = of(0) << 16 | of(1) << 8 | of(2);
        for place in 0..=part.len() {
            out.push(char::from(SIGNS[(all >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

/// A text in the forms in which it could get out.
fn forms(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let coded = base64(bytes);
    let url = coded.replace('+', "-").replace('/', "_");
    // The bytes as Debug shows them.
    let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let escaped = text.escape_debug().to_string();
    vec![
        text.to_owned(),
        percent(text),
        hex(bytes),
        hex(bytes).to_uppercase(),
        coded,
        url,
        list.join(", "),
        escaped,
    ]
}

/// The secrets of a test, in all their forms.
struct Needles(Vec<String>);

impl Needles {
    fn of(secret: &str) -> Needles {
        let mut all = [API_KEY, PASSWORD, secret].map(forms).concat();
        // A private key is as secret line by line.
        for line in secret.lines().filter(|line| line.len() >= 20 && !line.contains("-----")) {
            all.extend(forms(line));
        }
        Needles(all)
    }

    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for needle in &self.0 {
            assert!(!text.contains(needle.as_str()), "{place} holds {needle}");
        }
    }
}

/// The folder of one kind of key, and the server that knows it.
struct Kind {
    folder: Folder,
    /// What only the test itself writes: not searched.
    apart: Folder,
    served: Served,
    needles: Needles,
}

fn owned(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

impl Kind {
    /// `known` is how the server's file has the key.
    fn new(secret: &str, known: &str) -> Kind {
        let (folder, apart) = (Folder::new(), Folder::new());
        owned(&apart.path("key"), API_KEY, 0o600);
        owned(&apart.path("secret"), secret, 0o600);
        apart.file("keys.toml", format!("[[key]]\nkey = {API_KEY:?}\naccount = 1\n{known}\n"));
        let file = SCENARIO
            .replace("\"key\"", &format!("{:?}", apart.path("key")))
            .replace("\"secret\"", &format!("{:?}", apart.path("secret")));
        let speed = speed(60);
        folder.file("one.toml", format!("{file}speed = {speed}\n"));
        let keys = apart.path("keys.toml");
        let keys = keys.to_str().expect("a path").to_owned();
        let (speed, lead) = (speed.to_string(), lead(2, speed));
        let more =
            ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits", "--keys", &keys];
        let served = Served::start(folder.root(), "one.toml", &more);
        Kind { folder, apart, served, needles: Needles::of(secret) }
    }

    /// Runs a session to its end, or until it is stopped, and searches what it has said.
    fn session(&self, file: &str, address: &str, more: &[&str], code: i32) -> String {
        let words = [&["live", file, "--venue", "testnet", "--address", address], more].concat();
        let session = Running::start_with(self.folder.root(), &[("RUST_LOG", "trace")], &words);
        let cmdline = std::fs::read(format!("/proc/{}/cmdline", session.id())).expect("readable");
        self.needles.are_not_in("the command line", &cmdline);
        let ended = session.end();
        self.needles.are_not_in("standard output", ended.stdout.as_bytes());
        self.needles.are_not_in("the log", ended.stderr.as_bytes());
        assert_eq!(ended.code, code, "{more:?}\n{}{}", ended.stdout, ended.stderr);
        format!("{}{}", ended.stdout, ended.stderr)
    }

    fn search_files(&self) {
        let mut searched = 0;
        for (path, bytes) in self.folder.snapshot("") {
            self.needles.are_not_in(&path.display().to_string(), &bytes);
            if path.extension().is_some_and(|end| end == "journal") {
                let file = JournalFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
                self.needles.are_not_in("a header", file.header().to_string().as_bytes());
                let all = format!("{:?}", entries(&path));
                assert!(all.len() > 1_000, "the journal has entries");
                self.needles.are_not_in("the entries", all.as_bytes());
                searched += 1;
            }
        }
        assert!(searched > 0, "a journal was searched");
    }

    /// A good session with metrics, in both formats of the log.
    fn good(&self) {
        for (format, length) in [("text", "90s"), ("json", "30s")] {
            let journal = format!("{format}.journal");
            let words = ["live", "one.toml", "--venue", "testnet", "--address", &self.served.rest];
            let more = ["--journal", &journal, "--for", length, "--log", format];
            let environment = [("RUST_LOG", "trace")];
            let mut session = Running::start_with(
                self.folder.root(),
                &environment,
                &[&words[..], &more].concat(),
            );
            if format == "text" {
                let host = session.metrics();
                // Before the first turn the page is empty.
                let page = until("the figures", || {
                    let (status, page) = http(&host, "GET", "/metrics", "", "");
                    assert_eq!(status, 200);
                    page.contains("qsim_session_time_seconds").then_some(page)
                });
                self.needles.are_not_in("the metrics", page.as_bytes());
            }
            let ended = session.end().expect_code(0);
            self.needles.are_not_in("standard output", ended.stdout.as_bytes());
            self.needles.are_not_in("the log", ended.stderr.as_bytes());
            if format == "json" {
                for line in ended.stderr.lines() {
                    let line: Json = serde_json::from_str(line)
                        .unwrap_or_else(|error| panic!("{error}: {line}"));
                    let time = line["timestamp"].as_str().expect("a time");
                    assert!(
                        time.starts_with("2026-01-01T")
                            || time.starts_with("2025-12-31T")
                            || line["target"] != "qsim::live::logs",
                        "{line}"
                    );
                    assert!(
                        line["level"].is_string() && line["message"].is_string()
                            || line["target"] != "qsim::live::logs",
                        "{line}"
                    );
                }
            }
        }
        self.search_files();
    }

    /// Keys that the server does not take, files that nobody should have, and servers that are not there.
    fn bad(&self, other_secret: &str) {
        let rest = self.served.rest.as_str();
        let check = ["--check"];
        let secret = self.apart.path("secret");
        let right = std::fs::read_to_string(&secret).expect("readable");
        // Another secret than that of the key.
        owned(&secret, other_secret, 0o600);
        let said = self.session("one.toml", rest, &check, 1);
        assert!(said.contains("-1022"), "{said}");
        self.session("one.toml", rest, &["--for", "10s"], 1);
        // Nobody is there.
        owned(&secret, &right, 0o600);
        self.session("one.toml", "http://127.0.0.1:1", &check, 1);
        // Everybody may read it.
        owned(&secret, &right, 0o644);
        let said = self.session("one.toml", rest, &check, 2);
        assert!(said.contains("chmod 600"), "{said}");
        // A line of it is broken.
        let broken: String = right.replacen('M', "M \n%", 1).replacen("hush", "hu\nsh", 1);
        owned(&secret, &broken, 0o600);
        self.session("one.toml", rest, &check, 2);
        owned(&secret, &right, 0o600);
        // The file has it where it does not belong.
        let wrong = self.apart.file("wrong.toml", format!("secret = {right:?}\n{SCENARIO}"));
        let words = ["live", wrong.to_str().expect("a path"), "--venue", "testnet", "--check"];
        let ended = Running::start_with(self.folder.root(), &[], &words).end().expect_code(2);
        self.needles.are_not_in("the error", ended.stderr.as_bytes());
        // An answer that is none.
        let fault = r#"{"kind":"refuse","http":200,"code":-1,"msg":"no row","path":"/fapi/v1/positionSide/dual"}"#;
        self.served.post("/faults", fault);
        self.session("one.toml", rest, &check, 1);
        // A password in an address.
        let with = format!("http://user:{PASSWORD}@127.0.0.1:1");
        let session = Running::start_with(
            self.folder.root(),
            &[],
            &["live", "one.toml", "--venue", "testnet", "--address", &with, "--check"],
        );
        let ended = session.end().expect_code(2);
        self.needles.are_not_in("the error", ended.stderr.as_bytes());
    }
}

#[test]
fn an_hmac_secret_stays_one() {
    steadily(|| {
        let kind = Kind::new(HMAC, &format!("secret = {HMAC:?}"));
        kind.good();
        kind.bad("another/Secret=+of0123456789");
    });
}

#[test]
fn an_ed25519_key_stays_a_secret() {
    steadily(|| {
        let public = pem("PUBLIC KEY", test_keys::ED25519_PUBLIC);
        let kind = Kind::new(
            &pem("PRIVATE KEY", test_keys::ED25519),
            &format!("public_key = '''\n{public}'''"),
        );
        kind.good();
        kind.bad(&pem("PRIVATE KEY", test_keys::RSA));
    });
}

#[test]
fn an_rsa_key_stays_a_secret() {
    steadily(|| {
        let public = pem("PUBLIC KEY", test_keys::RSA_PUBLIC);
        let kind = Kind::new(
            &pem("PRIVATE KEY", test_keys::RSA),
            &format!("public_key = '''\n{public}'''"),
        );
        kind.good();
        kind.bad(&pem("PRIVATE KEY", test_keys::ED25519));
    });
}

#[test]
fn the_password_of_redis_stays_a_secret_and_its_key_kills() {
    steadily(|| {
        let kind = Kind::new(HMAC, &format!("secret = {HMAC:?}"));
        let redis = Redis::start(kind.apart.root(), &format!("requirepass {PASSWORD}\n"));
        let cli = |words: &[&str]| {
            let port = redis.port.to_string();
            let done = Command::new("redis-cli")
                .args(["-h", "127.0.0.1", "-p", &port, "--no-auth-warning"])
                .args(words)
                .env("REDISCLI_AUTH", PASSWORD)
                .output()
                .expect("redis-cli runs");
            assert!(done.status.success(), "{done:?}");
        };
        let address =
            |password: &str| format!("redis://:{}@127.0.0.1:{}/0", percent(password), redis.port);
        let file = |address: &str| {
            let scenario = std::fs::read_to_string(kind.folder.path("one.toml")).expect("readable");
            // The file itself holds the password, so it lies apart.
            kind.apart.file(
                "redis.toml",
                format!("{scenario}mirror = {address:?}\nkill_key = \"ops:kill\"\n"),
            );
            kind.apart.path("redis.toml").to_str().expect("a path").to_owned()
        };
        let good = file(&address(PASSWORD));
        cli(&["SET", "ops:kill", "1"]);
        let journal = ["--journal", "key.journal"];
        let words = ["live", &good, "--venue", "testnet", "--address", &kind.served.rest];
        let mut session = Running::start_with(
            kind.folder.root(),
            &[("RUST_LOG", "trace")],
            &[&words[..], &journal].concat(),
        );
        session.says("kill switch on by the kill key", 1);
        cli(&["DEL", "ops:kill"]);
        session.says("kill switch off by the kill key", 1);
        cli(&["SET", "ops:kill", "1"]);
        session.says("kill switch on by the kill key", 2);
        // It stays on over a death, and while nobody can look.
        session.kill();
        let mut session = Running::start_with(
            kind.folder.root(),
            &[("RUST_LOG", "trace")],
            &[&words[..], &journal].concat(),
        );
        session.says("the session goes on", 1);
        session.says("kill switch on by the kill key", 1);
        let port = redis.port;
        drop(redis);
        session.says("the kill key is not seen, what held goes on to hold", 1);
        assert!(!session.said().contains("kill switch off"));
        session.signal("TERM");
        let ended = session.end().expect_code(0);
        kind.needles.are_not_in("the log", ended.stderr.as_bytes());
        kind.search_files();
        for address in [
            format!("redis://:{}@127.0.0.1:{port}/0", percent(PASSWORD)),
            format!("redis//:{PASSWORD}@127.0.0.1"),
            format!("http://:{}@127.0.0.1", percent(PASSWORD)),
        ] {
            let away = file(&address);
            let said = kind.session(&away, &kind.served.rest, &["--for", "10s"], 1);
            assert!(said.contains("edis"), "{said}");
        }
        let unfinished: Vec<PathBuf> = kind
            .folder
            .snapshot("")
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| path.extension().is_some_and(|end| end == "partial"))
            .collect();
        assert_eq!(
            unfinished,
            Vec::<PathBuf>::new(),
            "what did not begin leaves nothing to go on with"
        );
    });
}
