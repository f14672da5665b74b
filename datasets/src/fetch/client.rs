//! One request to the archive, and what its answer means.

use std::io::Read;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate};
use ureq::http::header::{CONTENT_RANGE, DATE, HeaderMap, HeaderName, RANGE, RETRY_AFTER};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::patience::{Fault, Patience};
use crate::DataError;

/// Binance's archive.
pub const PUBLIC_ARCHIVE: &str = "https://data.binance.vision";
/// Redirections of one request.
const REDIRECTS_MAX: u32 = 5;
/// Bytes of one file of the archive; its largest, a month of quotes, have some ten thousand million.
const BYTES_MAX: u64 = 1 << 36;

/// The address below which the archive's folder `data` lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    text: String,
    is_https: bool,
    /// On this machine: no proxy stands between.
    is_here: bool,
}

impl Base {
    /// The address, if it is one of http or https.
    pub fn parse(text: &str) -> Result<Base, DataError> {
        let bad = |why: &str| {
            DataError::Misuse(format!(
                "--base {text:?} {why}; give an address such as {PUBLIC_ARCHIVE} or \
                 http://localhost:8000/mirror"
            ))
        };
        let uri: Uri = text.parse().map_err(|e| bad(&format!("is no address ({e})")))?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(bad(&format!("has the scheme {other}, not http or https"))),
            None => return Err(bad("has no scheme, http or https")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad("has no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad("has a user name, and the archive knows none"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(bad("has more than a path"));
        }
        let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        Ok(Base { text: text.trim_end_matches('/').to_owned(), is_https, is_here })
    }

    /// The address of a file below.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.text)
    }
}

/// What the archive answers.
pub(super) enum Answer {
    /// The bytes of the file from `from` on.
    Bytes { from: u64, body: Box<dyn Read> },
    /// There are no more bytes than those that are here already.
    Complete,
    /// What is here is no beginning of the file: it has to be fetched from its start.
    NoBeginning,
    /// It has no such file.
    Missing,
}

/// Asks the archive for files.
pub(super) struct Client {
    agent: Agent,
    base: Base,
    /// The archive's day by its own clock, as days of the common era; 0 until it has told.
    day: AtomicI32,
}

impl Client {
    pub(super) fn new(base: &Base, patience: &Patience) -> Client {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(base.is_https)
            .max_redirects(REDIRECTS_MAX)
            .user_agent(concat!("qsim/", env!("CARGO_PKG_VERSION")))
            // Packed for the way, a file would have another length and other ranges.
            .accept_encoding("identity")
            .timeout_resolve(Some(patience.connect_max))
            .timeout_connect(Some(patience.connect_max))
            .timeout_recv_response(Some(patience.silence_max))
            .timeout_per_read(Some(patience.silence_max));
        if base.is_here {
            config = config.proxy(None);
        }
        Client { agent: config.build().into(), base: base.clone(), day: AtomicI32::new(0) }
    }

    /// What day it is at the archive, if it has told.
    pub(super) fn day(&self) -> Option<NaiveDate> {
        let day = self.day.load(Ordering::Relaxed);
        (day > 0).then(|| NaiveDate::from_num_days_from_ce_opt(day))?
    }

    /// Asks for a file of which the first `have` bytes are here.
    pub(super) fn get(&self, path: &str, have: u64) -> Result<Answer, Fault> {
        let mut request = self.agent.get(self.base.address(path));
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|e| fault(&e))?;
        if let Some(time) = told_time(response.headers()) {
            self.day.fetch_max(time.date_naive().num_days_from_ce(), Ordering::Relaxed);
        }
        match response.status().as_u16() {
            200 => Ok(Answer::Bytes { from: 0, body: content(response) }),
            206 if have > 0 && range_start(response.headers()) == Some(have) => {
                Ok(Answer::Bytes { from: have, body: content(response) })
            }
            416 if have > 0 && range_total(response.headers()) == Some(have) => {
                Ok(Answer::Complete)
            }
            206 | 416 if have > 0 => Ok(Answer::NoBeginning),
            404 => Ok(Answer::Missing),
            408 | 425 | 429 | 500..=599 => Err(Fault::Passing {
                what: format!("the server answers {}", response.status()),
                asked: asked_wait(response.headers()),
                went_on: false,
            }),
            _ => Err(Fault::Lasting(format!(
                "the server answers {} to {}; check the address in a browser, or give another --base",
                response.status(),
                self.base.address(path)
            ))),
        }
    }
}

/// The bytes of an answer; to read them fails if there are fewer than the server has said.
fn content(response: Response<Body>) -> Box<dyn Read> {
    Box::new(response.into_body().into_reader().take(BYTES_MAX))
}

/// What a failure of the connection means.
fn fault(error: &ureq::Error) -> Fault {
    use ureq::Error;
    let lasting = |what: &str| {
        Fault::Lasting(format!("{what} ({error}); check --base, and the proxy if there is one"))
    };
    match error {
        Error::Timeout(_) => Fault::passing("the server did not answer in time"),
        Error::HostNotFound => Fault::passing("the host is not found"),
        // So a certificate that is not trusted arrives, or an answer that is not encrypted.
        Error::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
            lasting("no trusted connection")
        }
        Error::Io(_) | Error::ConnectionFailed | Error::Protocol(_) => {
            Fault::passing(format!("the connection failed ({error})"))
        }
        Error::Tls(_) | Error::Rustls(_) => lasting("no trusted connection"),
        Error::TooManyRedirects | Error::RedirectFailed | Error::RequireHttpsOnly(_) => {
            lasting("it leads somewhere else")
        }
        _ => lasting("it cannot be asked for"),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The first byte of `bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// The length of the whole file of `bytes */10`.
fn range_total(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_RANGE)?.rsplit('/').next()?.parse().ok()
}

/// The time of an answer, by the server's clock.
fn told_time(headers: &HeaderMap) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc2822(text(headers, DATE)?).ok()
}

/// The wait that a server asks for, in seconds or until a time by its own clock.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(asked).ok()?;
    (until - told_time(headers)?).to_std().ok()
}
