//! Whether a server is one that a bus can be on.

/// Consumer groups that tell their lag, and scripts that may do everything that the bus asks for.
const MAJOR_MIN: u32 = 7;

/// Why not, from what INFO says of it.
pub(super) fn problem(info: &str) -> Option<String> {
    let of = |name: &str| {
        info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
    };
    let version = of("redis_version").unwrap_or("of an unknown version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < MAJOR_MIN) {
        return Some(format!(
            "it is Redis {version}, and the bus needs {MAJOR_MIN}.0 or newer: upgrade the server"
        ));
    }
    if of("redis_mode") == Some("cluster") {
        return Some(
            "it is a node of a cluster, whose keys lie on several nodes: give a single server (cluster-enabled no)"
                .to_owned(),
        );
    }
    if of("role") == Some("slave") {
        let (host, port) = (of("master_host").unwrap_or("?"), of("master_port").unwrap_or("?"));
        return Some(format!(
            "it is a replica, which takes no writes: give the address of its master, {host}:{port}"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn a_server_that_cannot_be_is_told_with_its_remedy() {
        let info = |version: &str, mode: &str, role: &str| {
            format!(
                "# Server\r\nredis_version:{version}\r\nredis_mode:{mode}\r\n# Replication\r\nrole:{role}\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"
            )
        };
        assert_eq!(problem(&info("7.0.15", "standalone", "master")), None);
        assert_eq!(problem(&info("10.2.1", "sentinel", "master")), None);
        for (text, said) in [
            (info("6.2.14", "standalone", "master"), "it is Redis 6.2.14"),
            (info("7.4.0", "cluster", "master"), "a node of a cluster"),
            (info("7.4.0", "standalone", "slave"), "its master, 10.0.0.1:6379"),
            (String::new(), "unknown version"),
        ] {
            let told = problem(&text).unwrap_or_default();
            assert!(told.contains(said), "{told}");
        }
    }
}
