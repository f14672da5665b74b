//! REST: one blocking call, and the threads that make them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use engine::Nanos;

use super::calls::{Auth, Call, Method};
use super::gate::Gate;
use super::grid::time;
use super::secret::Keys;
use super::told_off::ToldOff;
use crate::clock::LiveClock;

/// Larger answers are none of this venue's.
const BODY_MAX: u64 = 64 << 20;

/// What came of a call.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The status of HTTP and the body, or why there are none.
    pub result: Result<(u16, Vec<u8>), Failure>,
    pub headers: Headers,
    /// The venue's time that the request was stamped with.
    pub stamp: Nanos,
}

/// What the headers tell of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub weight: Option<u32>,
    pub orders_ten_seconds: Option<u32>,
    pub orders_minute: Option<u32>,
    pub retry_after: Option<Nanos>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Failure {
    /// The request certainly did not reach the venue.
    pub unsent: bool,
    /// The venue has told this address off.
    pub told_off: Option<ToldOff>,
    /// Without address, parameters and keys.
    pub problem: String,
}

/// What a measurement of the venue's clock gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// By how much the venue's clock is ahead of the session's.
    pub ahead: Nanos,
    /// Half of the round trip, and what the venue cuts off its milliseconds: it is wrong by that much at most.
    pub wrong_by: Nanos,
}

impl Measured {
    /// Whether it tells more than `so_far`, which is what is known already.
    pub(super) fn corrects(self, so_far: Nanos) -> bool {
        (self.ahead - so_far).0.saturating_abs() > self.wrong_by.0
    }
}

/// Makes calls, one at a time for each thread that asks.
///
/// Invariant: without keys nothing but what is public is ever asked for.
pub(super) struct Rest {
    agent: ureq::Agent,
    base: String,
    keys: Option<Arc<Keys>>,
    clock: Arc<LiveClock>,
    recv_window: u32,
    gate: Arc<Gate>,
}

impl Rest {
    pub(super) fn new(
        base: &str,
        keys: Option<Arc<Keys>>,
        clock: Arc<LiveClock>,
        recv_window: u32,
        timeout: Duration,
    ) -> Rest {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("qsim")
            .build()
            .new_agent();
        let gate = Arc::default();
        Rest { agent, base: base.to_owned(), keys, clock, recv_window, gate }
    }

    /// What opens goes through this one.
    pub(super) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    /// Stamps, signs and sends a call, and waits for its answer. It is sent once, never again.
    pub(super) fn call(&self, call: &Call) -> Reply {
        let stamp = self.clock.venue_now();
        let failed = |failure| Reply { result: Err(failure), headers: Headers::default(), stamp };
        let barred = call.pass.and_then(|pass| self.gate.bars(pass, self.clock.now()));
        if let Some(barred) = barred {
            return failed(Failure::unsent(&barred.error().msg));
        }
        let (query, key) = match (call.auth, &self.keys) {
            (Auth::Nothing, _) => (Some(call.params.query()), None),
            (Auth::Key, Some(keys)) => (Some(call.params.query()), Some(keys.api_key.expose())),
            (Auth::Signature, Some(keys)) => {
                let query = call.params.signed_query(keys, self.recv_window, stamp.millis());
                (query, Some(keys.api_key.expose()))
            }
            (Auth::Key | Auth::Signature, None) => {
                let problem = "this session has no key: it asks for public data only";
                return failed(Failure::unsent(problem));
            }
        };
        let Some(query) = query else {
            return failed(Failure::unsent("the request could not be signed"));
        };
        let address = match query.is_empty() {
            true => format!("{}{}", self.base, call.path),
            false => format!("{}{}?{query}", self.base, call.path),
        };
        let sent = match call.method {
            Method::Get => with_key(self.agent.get(&address), key).call(),
            Method::Delete => with_key(self.agent.delete(&address), key).call(),
            Method::Post => with_key(self.agent.post(&address), key).send_empty(),
            Method::Put => with_key(self.agent.put(&address), key).send_empty(),
        };
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => return failed(failure(&error)),
        };
        let headers = headers(&answer);
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(BODY_MAX).read_to_vec();
        let result = match body {
            Ok(body) => Ok((status, body)),
            Err(error) => Err(Failure { unsent: false, ..failure(&error) }),
        };
        Reply { result, headers, stamp }
    }

    /// By how much the venue's clock is ahead of the session's: by the shortest of `samples` round trips, which is wrong
    /// by half of its length at most.
    pub(super) fn measure(&self, samples: usize) -> Result<Measured, Failure> {
        let call = Call::get("/fapi/v1/time", Auth::Nothing, 1);
        let mut found = Vec::with_capacity(samples);
        let mut last = None;
        for _ in 0..samples {
            let before = self.clock.now();
            let reply = self.call(&call);
            let after = self.clock.now();
            let told_off = reply.told_off();
            match reply.result {
                Ok((200, body)) => match server_time(&body) {
                    Some(time) => found.push((after - before, ahead(before, after, time))),
                    None => last = Some(Failure::answer("no time in the answer")),
                },
                Ok((status, _)) => {
                    let problem = match &told_off {
                        Some(told_off) => format!("HTTP {status}: {told_off}"),
                        None => format!("HTTP {status}"),
                    };
                    let stop = told_off.is_some();
                    last = Some(Failure { told_off, ..Failure::answer(&problem) });
                    if stop {
                        break;
                    }
                }
                Err(failure) => last = Some(failure),
            }
        }
        match (found.iter().min(), last) {
            // Whoever asks on is banned for longer.
            (_, Some(failure)) if failure.told_off.is_some() => Err(failure),
            (Some((took, ahead)), _) => {
                Ok(Measured { ahead: *ahead, wrong_by: Nanos(took.0 / 2 + CUT) })
            }
            (None, last) => Err(last.unwrap_or_else(|| Failure::answer("nothing was asked"))),
        }
    }
}

/// The time in an answer of `/fapi/v1/time`.
pub(crate) fn server_time(body: &[u8]) -> Option<Nanos> {
    let told: binance_wire::ServerTime = serde_json::from_slice(body).ok()?;
    time("server time", told.server_time).ok()
}

/// Half of a millisecond, in nanoseconds.
const CUT: i64 = 500_000;

/// The venue's milliseconds are cut: on average it is half a millisecond later than it says.
fn ahead(before: Nanos, after: Nanos, server: Nanos) -> Nanos {
    let middle = before.0 + (after.0 - before.0) / 2;
    Nanos(server.0 + CUT - middle)
}

impl Failure {
    fn answer(problem: &str) -> Failure {
        Failure { unsent: false, told_off: None, problem: problem.to_owned() }
    }

    fn unsent(problem: &str) -> Failure {
        Failure { unsent: true, ..Failure::answer(problem) }
    }
}

impl Reply {
    /// Whether the venue has told this address off, and until when.
    pub(super) fn told_off(&self) -> Option<ToldOff> {
        let Ok((status, body)) = &self.result else { return None };
        let error: Option<binance_wire::ErrorBody> = serde_json::from_slice(body).ok();
        ToldOff::of(*status, self.headers.retry_after, error.as_ref(), Some(self.stamp))
    }
}

fn with_key<B>(request: ureq::RequestBuilder<B>, key: Option<&str>) -> ureq::RequestBuilder<B> {
    match key {
        Some(key) => request.header("X-MBX-APIKEY", key),
        None => request,
    }
}

fn headers<B>(answer: &ureq::http::Response<B>) -> Headers {
    let number = |name: &str| -> Option<u32> {
        answer.headers().get(name)?.to_str().ok()?.trim().parse().ok()
    };
    Headers {
        weight: number("x-mbx-used-weight-1m"),
        orders_ten_seconds: number("x-mbx-order-count-10s"),
        orders_minute: number("x-mbx-order-count-1m"),
        retry_after: number("retry-after").map(|s| Nanos::from_secs(s.into())),
    }
}

/// The error in words that hold no address: ureq's own may show parameters.
fn failure(error: &ureq::Error) -> Failure {
    use std::io::ErrorKind;
    let (unsent, problem) = match error {
        // The system has no kind for it, and says it so.
        ureq::Error::Io(io) if io.to_string().starts_with("failed to lookup address") => {
            (true, "the host was not found".to_owned())
        }
        ureq::Error::Io(io) => {
            let refused = matches!(
                io.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            );
            (refused, format!("connection: {}", io.kind()))
        }
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            (true, "no connection in time".to_owned())
        }
        ureq::Error::Timeout(_) => (false, "no answer in time".to_owned()),
        ureq::Error::HostNotFound => (true, "the host was not found".to_owned()),
        ureq::Error::ConnectionFailed => (true, "the connection failed".to_owned()),
        ureq::Error::BadUri(_) => (true, "the address is none".to_owned()),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => (false, "TLS failed".to_owned()),
        ureq::Error::Protocol(_) => (false, "the answer is no HTTP".to_owned()),
        _ => (false, "the call failed".to_owned()),
    };
    Failure { unsent, told_off: None, problem }
}

/// What a thread does.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Call(Call),
    /// Measures the venue's clock with so many round trips.
    Measure(usize),
}

/// What came of a task.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Call(Reply),
    Measured(Result<Measured, Failure>),
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<(u64, Task)>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that make calls for a session that must not wait. They end when this is dropped, after the call
/// that they are in.
pub(super) struct RestPool {
    shared: Arc<Shared>,
}

impl RestPool {
    /// `done` is called on the threads, with the number that the task was given.
    #[allow(clippy::disallowed_methods, reason = "the edge: REST blocks, and the session does not")]
    pub(super) fn start(
        rest: &Arc<Rest>,
        threads: u8,
        done: impl Fn(u64, Done) + Clone + Send + 'static,
    ) -> std::io::Result<RestPool> {
        let shared = Arc::new(Shared::default());
        for n in 0..threads {
            let (shared, rest, done) = (shared.clone(), rest.clone(), done.clone());
            let builder = thread::Builder::new().name(format!("binance-rest-{n}"));
            builder.spawn(move || {
                while let Some((number, task)) = next(&shared) {
                    let came = match task {
                        Task::Call(call) => Done::Call(rest.call(&call)),
                        Task::Measure(samples) => Done::Measured(rest.measure(samples)),
                    };
                    done(number, came);
                }
            })?;
        }
        Ok(RestPool { shared })
    }

    /// Gives a task to the next thread that is free; an urgent one goes before all others.
    pub(super) fn give(&self, number: u64, task: Task, urgent: bool) {
        let mut queue = self.shared.lock();
        match urgent {
            true => queue.tasks.push_front((number, task)),
            false => queue.tasks.push_back((number, task)),
        }
        drop(queue);
        self.shared.filled.notify_one();
    }
}

impl Drop for RestPool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
    }
}

fn next(shared: &Shared) -> Option<(u64, Task)> {
    let mut queue = shared.lock();
    loop {
        if queue.closed {
            return None;
        }
        if let Some(task) = queue.tasks.pop_front() {
            return Some(task);
        }
        queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}
