//! The catalogue of services as Markdown, `README.md` of this crate: what each is for, where it lies, what it
//! reads and writes, which sections describe it and which tests hold it. It is made of what services declare.

use std::fmt::Write as _;

use crate::audited::AUDITED;
use crate::chain::{CATALOGUE, PipelineSettings};
use crate::map::PipelineMap;

const HEAD: &str = "# The pipeline

Made by `qsim pipeline catalogue`: do not edit; change `src/catalogue.rs`, or what the service declares.

The services of the trading pipeline, as state machines without I/O on the kernel of `engine`: the same code runs in a
simulation and live. They talk over streams, keys and calls alone. `strategies/` decides, they ask and act.

- A service is one file (or folder) under `src/GROUP/`, and one line in `src/chain.rs`. It declares its settings with
  `settings!`, its counters and gauges in `Configured`, and what it touches in `wiring()`; tests hold all of it to what
  it does.
- A stream is one line in `src/streams.rs`, a key one in `src/keys.rs`, what they hold one type in `src/records/`.
  [CONTRACTS.md](CONTRACTS.md) is made of these.
- `qsim pipeline show [SCENARIO] [--format text|mermaid|svg]` draws who reads and writes what, and marks what begins or
  ends nowhere.
- `[pipeline.NAME]` in a scenario sets a service; `enabled = false` takes it out.
- Every service is tested alone in `tests/services/NAME.rs`, fed malformed entries in `tests/services/malformed.rs`, and
  taken out of a whole run in `tests/removal.rs` of the workspace, which says what is missing then.

MSE and EHR are the two specifications: market, signal, entry; exit, harvest, risk. Streams are without
`quantum:stream:`, and keys in `code`. A service in *italics* runs only where it is asked for.
";

const AUDITED_HEAD: &str = "
## Audited behaviour

What the system did before it was mended, by name: `[pipeline] audited = [\"name\"]` brings it back, so that a scenario
can show an incident return. Nothing of it holds unless it is named.

| name | services | what it does then | belongs to |
| --- | --- | --- | --- |
";

/// What the groups are about, in their order.
const GROUPS: [(&str, &str); 6] = [
    ("market", "Market data"),
    ("signal", "Signals and learning"),
    ("policy", "Policy, regime and capital"),
    ("entry", "From intent to exchange"),
    ("exits", "Exits and harvest"),
    ("books", "State and books"),
];

fn short(stream: &str) -> &str {
    stream.strip_prefix("quantum:stream:").unwrap_or(stream)
}

fn list(streams: Vec<&str>, keys: &[String]) -> String {
    let keys = keys.iter().map(|key| format!("`{key}`"));
    let all: Vec<String> = streams.into_iter().map(str::to_owned).chain(keys).collect();
    if all.is_empty() { "—".to_owned() } else { all.join(", ") }
}

/// The whole catalogue.
pub fn markdown() -> String {
    let mut out = HEAD.to_owned();
    // Without symbols nothing of a service's settings contradicts itself.
    let map = PipelineMap::of(&PipelineSettings::all_enabled(), &[]).ok();
    let runs = PipelineMap::of(&PipelineSettings::default(), &[]).ok();
    for (group, title) in GROUPS {
        let _ = writeln!(
            out,
            "\n## {title}\n\n| service | what | specification | reads | writes |\n\
             | --- | --- | --- | --- | --- |"
        );
        for service in CATALOGUE.iter().filter(|service| service.group == group) {
            let by_name = |map: &Option<PipelineMap>| {
                let services = map.as_ref().map(|map| map.services.iter());
                services.into_iter().flatten().find(|s| s.name == service.name).cloned()
            };
            let name = match by_name(&runs) {
                Some(_) => service.name.to_owned(),
                None => format!("*{}*", service.name),
            };
            let wiring = by_name(&map).map(|service| service.wiring).unwrap_or_default();
            let mut reads = wiring.market.names();
            reads.extend(wiring.readers.iter().map(|reader| short(&reader.stream)));
            reads.extend(wiring.looks.iter().map(|stream| short(stream)));
            if wiring.exchange || wiring.user_stream {
                reads.push("exchange");
            }
            let calls: Vec<String> =
                wiring.calls.iter().map(|called| format!("calls {called}")).collect();
            let mut writes: Vec<&str> = wiring.writes.iter().map(|stream| short(stream)).collect();
            writes.extend(calls.iter().map(String::as_str));
            let _ = writeln!(
                out,
                "| [{name}](src/{}) |{} | {} | {} | {} |",
                service.file(),
                service.about,
                service.described,
                list(reads, &wiring.keys_read),
                list(writes, &wiring.keys_written),
            );
        }
    }
    out.push_str(AUDITED_HEAD);
    for behaviour in AUDITED {
        let services = behaviour.services.join(", ");
        let (name, about, belongs_to) = (behaviour.name, behaviour.about, behaviour.belongs_to);
        let _ = writeln!(out, "| `{name}` | {services} |{about} | {belongs_to} |");
    }
    out
}
