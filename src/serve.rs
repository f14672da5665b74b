//! `qsim serve`: the simulated exchange behind Binance's own interface.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use engine::{AccountId, Nanos};
use exchange_server::{ApiKey, ClockMode, ServerConfig, ServerError};
use scenarios::Scenario;
use serde::Deserialize;

use crate::{data_folder, misuse, print};

mod market;

/// Serve the simulated exchange to any client of Binance USDⓈ-M futures.
///
/// A request takes as long as it does: latencies that a file says are of no effect here.
#[derive(Args)]
pub struct ServeArguments {
    /// A scenario file: its market, account and exchange, but for its latencies [default: a made market of the usual symbols]
    file: Option<PathBuf>,
    /// Where clients connect (port 0: a free one)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    addr: SocketAddr,
    /// Where the admin routes are; they ask for no key, so keep it on loopback (port 0: a free one)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Symbols of the market: of the data, if there are any, else of the made market
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    symbols: Vec<String>,
    /// Folder with imported market data (of a file: or its URL in an object store), of the file or of --symbols [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// First instant of the data of --symbols [default: all that is recorded of all of them]
    #[arg(long, value_name = "TIME", requires = "to")]
    from: Option<String>,
    /// First instant behind the recorded data
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// 1: the wall's time, the market moved to now; N: N times as fast, at the market's own time; stepped: the clock
    /// stands until an admin route moves it
    #[arg(long, value_name = "N|stepped", default_value = "1")]
    speed: String,
    /// The market's own time at speed 1, too: clients need a clock of their own for it
    #[arg(long)]
    own_time: bool,
    /// The venue's clock begins so long before its market, such as 5m
    #[arg(long, value_name = "SPAN")]
    lead: Option<String>,
    /// Clock and market stand at their beginning until the admin route `go`
    #[arg(long)]
    held: bool,
    /// The stream paths of before 2026-04, too
    #[arg(long)]
    legacy_streams: bool,
    /// Takes any timestamp: for clients that know only the wall's time, on another clock
    #[arg(long)]
    any_timestamp: bool,
    /// Accounts, each with 10,000 USDT or as the file says; their keys are qsim1 with secret1, and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    accounts: u16,
    /// Keys in place of those: a file with [[key]] tables: key, account (from 1), and secret or public_key (PEM)
    #[arg(long, value_name = "FILE.toml", conflicts_with = "accounts")]
    keys: Option<PathBuf>,
    /// No limits of request weight and orders
    #[arg(long)]
    no_limits: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    key: String,
    account: u16,
    secret: Option<String>,
    public_key: Option<String>,
}

/// Serves until a signal comes.
pub fn run(arguments: &ServeArguments) -> ExitCode {
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => misuse(problem),
    }
}

fn serve(arguments: &ServeArguments) -> Result<(), String> {
    let clock = clock(arguments)?;
    let data = data_folder(arguments.data.as_ref());
    let mut scenario = scenario(arguments, data.as_deref())?;
    if arguments.no_limits {
        scenario.exchange.limits.enforce = false;
    }
    let keys = keys(arguments)?;
    let accounts = keys.iter().map(|key| usize::from(key.account.0) + 1).max().unwrap_or(1);
    let lead = arguments.lead.as_deref().map(scenarios::span_of).transpose()?;
    let begins_at = (clock == ClockMode::Wall).then(live::clock::system_time);
    let venue = scenario
        .serve(
            data.as_deref(),
            begins_at.map(|now| Nanos(now.0 - now.0 % 60_000_000_000)),
            accounts - 1,
            lead.unwrap_or_default(),
        )
        .map_err(|error| error.to_string())?;
    venue.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let config = ServerConfig {
        addr: arguments.addr,
        admin_addr: arguments.admin,
        keys,
        clock,
        held: arguments.held,
        check_timestamps: !arguments.any_timestamp,
        legacy_streams: arguments.legacy_streams,
        ..ServerConfig::default()
    };
    // Whoever has read that it is ready may ask it to end.
    let until_asked = live::session::signals_to_end().map_err(|error| error.to_string())?;
    let server = exchange_server::Server::start(config, venue.exchange, venue.feed)
        .map_err(|error| cannot_start(&error))?;
    let addr = server.addr();
    print(&format!(
        "ready rest=http://{addr} streams=ws://{addr} ws_api=ws://{addr}/ws-fapi/v1 admin=http://{}",
        server.admin_addr()
    ));
    until_asked();
    Ok(())
}

fn cannot_start(error: &ServerError) -> String {
    match error {
        ServerError::Bind { what, addr, cause } if cause.kind() == ErrorKind::AddrInUse => {
            let flag = if *what == "clients" { "--addr" } else { "--admin" };
            format!(
                "{flag} {addr}: another process listens there; give another port, or 0 for a free one"
            )
        }
        _ => error.to_string(),
    }
}

fn clock(arguments: &ServeArguments) -> Result<ClockMode, String> {
    match arguments.speed.as_str() {
        "stepped" => Ok(ClockMode::Stepped),
        "1" if !arguments.own_time => Ok(ClockMode::Wall),
        text => match text.parse::<u32>() {
            Ok(times @ 1..=1_000) => Ok(ClockMode::Speed(times)),
            _ => Err(format!("--speed {text}: give 1 to 1000, or stepped")),
        },
    }
}

/// The file's scenario, or one of the symbols and data that were named.
fn scenario(arguments: &ServeArguments, data: Option<&Path>) -> Result<Scenario, String> {
    let ServeArguments { symbols, from, to, .. } = arguments;
    if let Some(file) = &arguments.file {
        if !symbols.is_empty() || from.is_some() {
            return Err("--symbols, --from and --to: the file says them".to_owned());
        }
        let scenario = Scenario::read(file).map_err(|error| error.to_string())?;
        if scenario.market.recorded.is_none() && arguments.data.is_some() {
            return Err(format!(
                "--data: the market of {} is a made one, which needs no data: leave it out, or serve the data with --symbols and without a file",
                file.display()
            ));
        }
        return Ok(scenario);
    }
    let names: Vec<String> = symbols.iter().map(|name| name.to_uppercase()).collect();
    let span = from.as_deref().zip(to.as_deref());
    match data {
        Some(folder) if !names.is_empty() => market::recorded(folder, &names, span),
        Some(folder) if arguments.data.is_some() || span.is_some() => {
            Err(market::which_symbols(folder))
        }
        None if span.is_some() => Err(
            "--from and --to are of recorded data: import them with `qsim data import PATH --into DIR`, then give --data DIR"
                .to_owned(),
        ),
        // A folder that only the environment names asks for nothing by itself.
        _ => market::made(&names),
    }
}

fn keys(arguments: &ServeArguments) -> Result<Vec<ApiKey>, String> {
    let Some(file) = &arguments.keys else {
        let one = |n: u16| {
            ApiKey::hmac(&format!("qsim{}", n + 1), &format!("secret{}", n + 1), AccountId(n))
        };
        return Ok((0..arguments.accounts).map(one).collect());
    };
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|e| format!("{shown}: {e}"))?;
    // The message of the parser shows the line, which holds a secret.
    let rows: KeyFile = toml::from_str(&text).map_err(|error| {
        let place = error.span().map_or(0, |span| text[..span.start].lines().count());
        format!("{shown}: line {place}: {}", error.message())
    })?;
    let mut keys = Vec::new();
    for (number, row) in rows.key.into_iter().enumerate() {
        let account = row.account.checked_sub(1).map(AccountId);
        let account =
            account.ok_or(format!("{shown}: key {}: accounts count from 1", number + 1))?;
        keys.push(match (row.secret, row.public_key) {
            (Some(secret), None) => ApiKey::hmac(&row.key, &secret, account),
            (None, Some(pem)) => ApiKey {
                key: row.key,
                account,
                secret: exchange_server::KeySecret::PublicKeyPem(pem),
            },
            _ => {
                return Err(format!(
                    "{shown}: key {}: give either `secret` or `public_key`",
                    number + 1
                ));
            }
        });
    }
    Ok(keys)
}
