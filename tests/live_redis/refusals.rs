//! Servers that a session cannot use, each with one message and no journal left behind.

use std::net::TcpListener;

use super::redis_support::Server;
use super::redis_support::proxy::Proxy;
use super::sessions::{Running, scenario, serve};
use super::support::Folder;
use super::support::pace::steadily;

const PASSWORD: &str = "p4ssw0rd-of-redis";

/// What it says until it ends.
fn said_of(mut session: Running) -> String {
    session.end();
    session.said()
}

#[test]
fn a_server_that_cannot_be_used_is_told_with_its_remedy_and_without_the_password() {
    steadily(|| {
        let folder = Folder::new();
        folder.file("chain.toml", scenario(0, ""));
        let served = serve(&folder, "chain.toml", 1);
        let free =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it").port();
        let master = Server::start();
        let locked = Server::start();
        locked.run("CONFIG SET requirepass another");
        let cluster = Server::start_with(&["--cluster-enabled", "yes"]);
        let port = master.port.to_string();
        let replica = Server::start_with(&["--replicaof", "127.0.0.1", &port]);
        let old = Proxy::telling(master.port, "redis_version:7", "redis_version:6");
        let at = |port: u16| format!("redis://user:{PASSWORD}@127.0.0.1:{port}/0");
        let open = |port: u16| format!("redis://127.0.0.1:{port}/0");
        let cases = [
            (at(free), "is the server running?"),
            (format!("redis//{PASSWORD}"), "not one such as redis://127.0.0.1:6379/0"),
            (at(locked.port), "user and password"),
            (open(locked.port), "NOAUTH"),
            (open(cluster.port), "a node of a cluster"),
            (open(replica.port), "it is a replica"),
            (open(old.port), "it is Redis 6"),
            (format!("redis://127.0.0.1:{}/99", master.port), "DB index is out of range"),
        ];
        for setting in ["redis", "mirror"] {
            for (address, words) in &cases {
                folder.file("chain.toml", scenario(0, &format!("{setting} = \"{address}\"")));
                let mut session = Running::start(&folder, &served, "chain.toml", "chain", &[]);
                assert!(!session.end(), "{setting} {words}: it does not begin\n{}", session.said());
                let said = session.said();
                let told: Vec<&str> =
                    said.lines().filter(|line| line.starts_with("qsim:")).collect();
                let [told] = told[..] else { panic!("one message, not {said}") };
                assert!(told.contains(words), "{words:?} in {told}");
                assert!(told.contains(&format!("live.{setting}")), "{told}");
                assert!(!said.contains(PASSWORD), "{said}");
                let check = Running::start(&folder, &served, "chain.toml", "checked", &["--check"]);
                let checked = said_of(check);
                let stop = format!("STOP  live.{setting}: is ");
                assert!(checked.contains(&stop) && checked.contains(words), "{checked}");
                assert!(!checked.contains(PASSWORD), "{checked}");
                let left = folder.path("chain.journal.partial");
                assert!(
                    !left.exists() && !session.journal.exists(),
                    "{setting} {words}: a journal"
                );
            }
        }
    });
}
