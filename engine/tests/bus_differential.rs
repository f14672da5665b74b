//! `MemoryBus` against a real Redis server: the same random commands to both, every reply compared.
//!
//! Compared exactly, but for what depends on the wall clock: idle times, and TTL within a second and
//! PTTL within 100 ms. Errors are compared by their code. Sizes of Redis' own trees are left out.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{MemoryBus, NamedRng, Nanos, RedisReply};

const OPERATIONS_A_SEED: usize = 12_000;
const SEEDS: u64 = 5;
const GOOD_REPLIES_MIN: u64 = 200;

struct Server {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start_server() -> (Server, redis::Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let process = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        // Nodes are cut by the number of entries only, as `MemoryBus` cuts them.
        .args(["--stream-node-max-bytes", "0", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is missing: run `cargo xtask install`");
    let server = Server { process, _folder: folder };
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
    let give_up = now_instant() + Duration::from_secs(20);
    loop {
        match client.get_connection() {
            Ok(connection) => return (server, connection),
            Err(error) => assert!(now_instant() < give_up, "the server does not answer: {error}"),
        }
        pause(Duration::from_millis(20));
    }
}

#[allow(clippy::disallowed_methods)] // A real server has a real clock.
fn now_instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

#[allow(clippy::disallowed_methods)]
fn wall() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Nanos(since.as_nanos() as i64)
}

fn real(connection: &mut redis::Connection, command: &[String]) -> RedisReply {
    let mut request = redis::cmd(&command[0]);
    request.arg(&command[1..]);
    match request.query::<redis::Value>(connection) {
        Ok(value) => convert(value),
        Err(error) => RedisReply::Error(error.to_string()),
    }
}

fn convert(value: redis::Value) -> RedisReply {
    match value {
        redis::Value::Nil => RedisReply::Nil,
        redis::Value::Int(number) => RedisReply::Int(number),
        redis::Value::BulkString(bytes) => RedisReply::Bulk(bytes),
        redis::Value::Array(items) => RedisReply::Array(items.into_iter().map(convert).collect()),
        redis::Value::Okay => RedisReply::Bulk(b"OK".to_vec()),
        redis::Value::SimpleString(text) => RedisReply::Bulk(text.into_bytes()),
        redis::Value::ServerError(error) => RedisReply::Error(error.code().to_owned()),
        other => panic!("a reply that RESP2 does not have: {other:?}"),
    }
}

/// What both sides are brought to before they are compared.
fn normal(command: &[String], reply: RedisReply) -> RedisReply {
    let name = command[0].as_str();
    let second = command.get(1).map(String::as_str);
    match reply {
        RedisReply::Error(text) => {
            let code = text.split([' ', ':']).next().unwrap_or_default();
            // The client library gives some codes its own words.
            let known = ["WRONGTYPE", "BUSYGROUP", "NOGROUP"];
            let code = known.iter().find(|k| text.contains(**k)).copied().unwrap_or(match code {
                "TypeError" => "WRONGTYPE",
                _ => "ERR",
            });
            RedisReply::Error(code.to_owned())
        }
        RedisReply::Status(text) => RedisReply::Bulk(text.as_bytes().to_vec()),
        RedisReply::Array(items) => {
            let items: Vec<RedisReply> =
                items.into_iter().map(|i| normal(&[String::new()], i)).collect();
            RedisReply::Array(match (name, second) {
                ("SMEMBERS", _) => sorted(items),
                ("SCAN", _) => {
                    let keys = match items.get(1) {
                        Some(RedisReply::Array(keys)) => sorted(keys.clone()),
                        _ => Vec::new(),
                    };
                    vec![items[0].clone(), RedisReply::Array(keys)]
                }
                ("XPENDING", _) if command.len() > 3 => {
                    items.into_iter().map(without_idle).collect()
                }
                ("XINFO", Some("STREAM")) => {
                    without(items, &["radix-tree-keys", "radix-tree-nodes"])
                }
                ("XINFO", Some("CONSUMERS")) => {
                    let rows = items.into_iter().map(|row| match row {
                        RedisReply::Array(row) => {
                            RedisReply::Array(without(row, &["idle", "inactive"]))
                        }
                        other => other,
                    });
                    sorted(rows.collect())
                }
                ("XINFO", Some("GROUPS")) => sorted(items),
                _ => items,
            })
        }
        other => other,
    }
}

fn sorted(mut items: Vec<RedisReply>) -> Vec<RedisReply> {
    items.sort_by_key(|item| format!("{item:?}"));
    items
}

fn without(items: Vec<RedisReply>, names: &[&str]) -> Vec<RedisReply> {
    let is_named = |item: &RedisReply| match item {
        RedisReply::Bulk(bytes) => names.iter().any(|n| n.as_bytes() == bytes),
        _ => false,
    };
    items.chunks(2).filter(|pair| !is_named(&pair[0])).flat_map(<[RedisReply]>::to_vec).collect()
}

/// Idle times are compared by whether they are minutes or less, as the commands set them.
fn without_idle(row: RedisReply) -> RedisReply {
    let RedisReply::Array(mut row) = row else { return row };
    if let Some(RedisReply::Int(idle)) = row.get(2) {
        row[2] = RedisReply::Int(idle / 60_000);
    }
    RedisReply::Array(row)
}

fn agree(command: &[String], ours: &RedisReply, theirs: &RedisReply) -> bool {
    match (command[0].as_str(), ours, theirs) {
        ("TTL", RedisReply::Int(a), RedisReply::Int(b)) if *a > 0 && *b > 0 => (a - b).abs() <= 1,
        ("PTTL", RedisReply::Int(a), RedisReply::Int(b)) if *a > 0 && *b > 0 => {
            (a - b).abs() <= 100
        }
        _ => ours == theirs,
    }
}

fn shown(reply: &RedisReply) -> String {
    match reply {
        RedisReply::Bulk(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        RedisReply::Array(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn is_good(reply: &RedisReply) -> bool {
    match reply {
        RedisReply::Error(_) | RedisReply::Nil => false,
        RedisReply::Array(items) => !items.is_empty(),
        RedisReply::Bulk(bytes) => !bytes.is_empty(),
        _ => true,
    }
}

/// Makes commands. Each key name has the type of its first letter, but for one in twenty.
struct Author {
    rng: NamedRng,
    last_ids: Vec<String>,
}

const COMMANDS: &[&str] = &[
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XLEN",
    "XRANGE",
    "XREVRANGE",
    "XREAD",
    "XDEL",
    "XTRIM",
    "XGROUP",
    "XGROUP",
    "XREADGROUP",
    "XREADGROUP",
    "XREADGROUP",
    "XREADGROUP",
    "XACK",
    "XACK",
    "XPENDING",
    "XCLAIM",
    "XCLAIM",
    "XCLAIM",
    "XAUTOCLAIM",
    "XINFO STREAM",
    "XINFO GROUPS",
    "XINFO CONSUMERS",
    "GET",
    "GET",
    "SET",
    "SET",
    "SETEX",
    "SETNX",
    "INCR",
    "INCRBY",
    "HSET",
    "HGET",
    "HGET",
    "HMGET",
    "HGETALL",
    "HEXISTS",
    "HLEN",
    "HDEL",
    "HINCRBY",
    "LPUSH",
    "RPUSH",
    "LRANGE",
    "LRANGE",
    "LTRIM",
    "LLEN",
    "LPOP",
    "LPOP",
    "RPOP",
    "RPOP",
    "SADD",
    "SREM",
    "SISMEMBER",
    "SMEMBERS",
    "SMEMBERS",
    "SCARD",
    "ZADD",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZSCORE",
    "ZRANGE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZRANGEBYSCORE",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZCARD",
    "EXPIRE",
    "PEXPIRE",
    "TTL",
    "TTL",
    "PTTL",
    "PERSIST",
    "TYPE",
    "EXISTS",
    "DEL",
    "SCAN",
];

impl Author {
    fn pick(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.pick(of.len() as u64) as usize]
    }

    fn key(&mut self, kind: char) -> String {
        let kind = if self.pick(20) == 0 {
            self.one(&["x", "s", "h", "l", "m", "z"]).to_owned()
        } else {
            kind.to_string()
        };
        format!("{kind}:{}", self.pick(3))
    }

    fn any_key(&mut self) -> String {
        let kind = self.one(&["x", "s", "s", "h", "l", "m", "z", "e"]).to_owned();
        format!("{kind}:{}", self.pick(3))
    }

    fn id(&mut self) -> String {
        match self.last_ids.len() as u64 {
            0 => "1-1".to_owned(),
            n => {
                let recent = self.pick(n.min(25));
                self.last_ids[(n - 1 - recent) as usize].clone()
            }
        }
    }

    fn next(&mut self) -> Vec<String> {
        let name = COMMANDS[self.pick(COMMANDS.len() as u64) as usize];
        let mut words: Vec<String> = name.split(' ').map(str::to_owned).collect();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|w| (*w).to_owned()));
        let (field, value) = (format!("f{}", self.pick(6)), format!("{}", self.pick(50)));
        match name {
            "XADD" => {
                add(&[&self.key('x')]);
                match self.pick(10) {
                    0 => add(&["MAXLEN", &self.pick(60).to_string()]),
                    1 => add(&["MAXLEN", "~", &self.pick(300).to_string()]),
                    _ => {}
                }
                add(&["*", &field, &value]);
            }
            "XLEN" => add(&[&self.key('x')]),
            "XRANGE" => add(&[
                &self.key('x'),
                self.one(&["-", "-", "5-1"]),
                "+",
                "COUNT",
                &self.pick(9).to_string(),
            ]),
            "XREVRANGE" => add(&[&self.key('x'), "+", "-", "COUNT", "3"]),
            "XREAD" => add(&["COUNT", "4", "STREAMS", &self.key('x'), &self.id()]),
            "XDEL" => add(&[&self.key('x'), &self.id()]),
            "XTRIM" => add(&[
                &self.key('x'),
                "MAXLEN",
                self.one(&["=", "~"]),
                &(20 + self.pick(300)).to_string(),
            ]),
            "XGROUP" => {
                let (key, group) = (self.key('x'), self.one(&["g", "h"]));
                match self.pick(12) {
                    0 => add(&["DESTROY", &key, group]),
                    1 => add(&["SETID", &key, group, &self.id()]),
                    2 => add(&["DELCONSUMER", &key, group, self.one(&["a", "b"])]),
                    3 => add(&["CREATECONSUMER", &key, group, self.one(&["a", "b", "c"])]),
                    4 => add(&["CREATE", &key, group, "$", "MKSTREAM"]),
                    _ => add(&["CREATE", &key, group, "0", "MKSTREAM"]),
                }
            }
            "XREADGROUP" => {
                let from = if self.pick(4) == 0 { "0" } else { ">" };
                let (group, consumer) = (self.one(&["g", "h"]), self.one(&["a", "b"]));
                add(&[
                    "GROUP",
                    group,
                    consumer,
                    "COUNT",
                    &(1 + self.pick(4)).to_string(),
                    "STREAMS",
                    &self.key('x'),
                    from,
                ]);
            }
            "XACK" => add(&[&self.key('x'), self.one(&["g", "h"]), &self.id()]),
            "XPENDING" => {
                add(&[&self.key('x'), self.one(&["g", "h"])]);
                match self.pick(3) {
                    0 => {}
                    1 => add(&["IDLE", "60000", "-", "+", "10"]),
                    _ => add(&["-", "+", "5", self.one(&["a", "b"])]),
                }
            }
            "XCLAIM" => {
                add(&[
                    &self.key('x'),
                    self.one(&["g", "h"]),
                    self.one(&["a", "b"]),
                    self.one(&["0", "60000"]),
                ]);
                add(&[&self.id(), &self.id()]);
                match self.pick(5) {
                    0 => add(&["IDLE", "120000"]),
                    1 => add(&["IDLE", "120000", "RETRYCOUNT", "7"]),
                    2 => add(&["JUSTID"]),
                    3 => add(&["FORCE"]),
                    _ => add(&["IDLE", "600000", "FORCE"]),
                }
            }
            "XAUTOCLAIM" => {
                let idle = self.one(&["0", "60000"]);
                add(&[
                    &self.key('x'),
                    self.one(&["g", "h"]),
                    self.one(&["a", "b"]),
                    idle,
                    "0-0",
                    "COUNT",
                    "3",
                ]);
            }
            "XINFO STREAM" | "XINFO GROUPS" => add(&[&self.key('x')]),
            "XINFO CONSUMERS" => add(&[&self.key('x'), self.one(&["g", "h"])]),
            "GET" | "INCR" => add(&[&self.key('s')]),
            "INCRBY" => add(&[&self.key('s'), &value]),
            "SET" => {
                add(&[&self.key('s'), &value]);
                match self.pick(6) {
                    0 => add(&["NX"]),
                    1 => add(&["XX"]),
                    2 => add(&["EX", "100"]),
                    3 => add(&["NX", "PX", "50000"]),
                    _ => {}
                }
            }
            "SETEX" => add(&[&self.key('s'), "100", &value]),
            "SETNX" => add(&[&self.key('s'), &value]),
            "HSET" => add(&[&self.key('h'), &field, &value, "always", "1"]),
            "HGET" | "HEXISTS" | "HDEL" => add(&[&self.key('h'), &field]),
            "HMGET" => add(&[&self.key('h'), &field, "always"]),
            "HGETALL" | "HLEN" => add(&[&self.key('h')]),
            "HINCRBY" => add(&[&self.key('h'), &field, &value]),
            "LPUSH" | "RPUSH" => add(&[&self.key('l'), &value, &field]),
            "LRANGE" => {
                add(&[&self.key('l'), self.one(&["0", "-3", "1"]), self.one(&["-1", "4", "99"])])
            }
            "LTRIM" => add(&[&self.key('l'), "0", self.one(&["30", "9", "-2"])]),
            "LLEN" | "LPOP" | "RPOP" => add(&[&self.key('l')]),
            "SADD" | "SREM" | "SISMEMBER" => add(&[&self.key('m'), &field]),
            "SMEMBERS" | "SCARD" => add(&[&self.key('m')]),
            "ZADD" => add(&[&self.key('z'), &value, &field]),
            "ZREM" | "ZSCORE" => add(&[&self.key('z'), &field]),
            "ZRANGE" => add(&[&self.key('z'), "0", "-1", "WITHSCORES"]),
            "ZRANGEBYSCORE" => {
                add(&[&self.key('z'), self.one(&["-inf", "(10"]), self.one(&["+inf", "30"])])
            }
            "ZREMRANGEBYRANK" => add(&[&self.key('z'), "5", "-1"]),
            "ZREMRANGEBYSCORE" => add(&[&self.key('z'), "(45", "+inf"]),
            "ZCARD" => add(&[&self.key('z')]),
            "EXPIRE" => add(&[&self.any_key(), "100"]),
            "PEXPIRE" => add(&[&self.any_key(), self.one(&["100000", "100000", "100000", "5"])]),
            "TTL" | "PTTL" | "PERSIST" | "TYPE" => add(&[&self.any_key()]),
            "EXISTS" => add(&[&self.any_key(), &self.any_key()]),
            "DEL" => {
                // Long-lived streams show more than ever new ones.
                let kind =
                    self.one(&["s", "s", "h", "l", "m", "z", "x"]).chars().next().unwrap_or('s');
                add(&[&self.key(kind)]);
            }
            "SCAN" => {
                add(&["0", "MATCH", self.one(&["*", "s:*", "?:1", "[hx]:*"]), "COUNT", "1000"])
            }
            other => panic!("{other} has no arguments here"),
        }
        words
    }
}

#[allow(clippy::disallowed_methods)] // A test is told which seed to repeat.
fn seed_of_the_environment() -> Option<u64> {
    std::env::var("QSIM_SEED").ok()?.parse().ok()
}

#[test]
fn memory_bus_replies_as_redis_does() {
    let (_server, mut connection) = start_server();
    let seeds: Vec<u64> = match seed_of_the_environment() {
        Some(seed) => vec![seed],
        None => (1..=SEEDS).collect(),
    };
    let mut good: BTreeMap<String, u64> = BTreeMap::new();
    for seed in &seeds {
        let mut bus = MemoryBus::new();
        real(&mut connection, &["FLUSHALL".to_owned()]);
        let mut author = Author { rng: NamedRng::new(*seed, "differential"), last_ids: Vec::new() };
        for operation in 0..OPERATIONS_A_SEED {
            let command = author.next();
            let theirs = real(&mut connection, &command);
            let mut now = wall();
            if let ("XADD", RedisReply::Bulk(id)) = (command[0].as_str(), &theirs) {
                // The server's clock chose the id: ours is the same instant.
                let id = String::from_utf8(id.clone()).expect("an id");
                let ms = id.split('-').next().and_then(|ms| ms.parse().ok()).expect("milliseconds");
                now = Nanos::from_millis(ms);
                author.last_ids.push(id);
            }
            let words: Vec<&[u8]> = command.iter().map(String::as_bytes).collect();
            let ours = bus.execute(now, &words);
            let (ours, theirs) = (normal(&command, ours), normal(&command, theirs));
            assert!(
                agree(&command, &ours, &theirs),
                "seed {seed}, operation {operation}: {}\n ours   {}\n theirs {}\nagain: QSIM_SEED={seed} cargo test -p engine --test bus_differential",
                command.join(" "),
                shown(&ours),
                shown(&theirs)
            );
            if is_good(&theirs) {
                let name =
                    if command[0] == "XINFO" { command[..2].join(" ") } else { command[0].clone() };
                *good.entry(name).or_default() += 1;
            }
            if command[0] == "PEXPIRE" && command[2] == "5" {
                // Past its life on both sides.
                pause(Duration::from_millis(12));
            }
        }
    }
    println!("seeds {seeds:?}, {} operations; good replies:", seeds.len() * OPERATIONS_A_SEED);
    for (name, count) in &good {
        println!("  {name:<18} {count}");
    }
    if seeds.len() > 1 {
        let names = COMMANDS.iter().map(|name| (*name).to_owned());
        let rare: Vec<String> =
            names.filter(|n| good.get(n).copied().unwrap_or(0) < GOOD_REPLIES_MIN).collect();
        assert!(rare.is_empty(), "fewer than {GOOD_REPLIES_MIN} good replies: {rare:?}");
    }
}
