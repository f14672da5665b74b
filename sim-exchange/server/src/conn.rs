//! Connections that can be cut from outside, at once or after so many bytes: what a fault does to a client
//! is what a network does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::heads::Heads;

/// Bytes that may still be written where nobody has limited them.
const UNLIMITED: i64 = i64::MAX / 2;

/// What is known of a connection, for whoever serves it.
#[derive(Clone, Debug)]
pub struct ConnInfo(pub(crate) Arc<ConnState>);

/// A connection as others see it.
#[derive(Debug)]
pub(crate) struct ConnState {
    peer: IpAddr,
    cut: AtomicBool,
    budget: AtomicI64,
    waker: Mutex<Option<Waker>>,
    /// The first lines of its requests.
    heads: Mutex<Heads>,
}

impl ConnInfo {
    /// Where it comes from.
    pub fn peer(&self) -> IpAddr {
        self.0.peer
    }

    /// The address of the request that is served, as the client has written it, where the parser has seen
    /// another one: see `heads.rs`.
    pub(crate) fn as_sent(&self, seen: &str) -> Option<String> {
        self.0.heads().as_sent(seen)
    }

    /// Ends it now: whoever reads or writes it finds it reset.
    pub fn cut(&self) {
        self.0.cut();
    }

    /// Ends it after so many bytes that have not been written yet.
    pub fn cut_after(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(UNLIMITED);
        self.0.budget.store(bytes, Ordering::Release);
    }
}

impl ConnState {
    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    fn watch(&self, cx: &Context<'_>) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// All connections that are open, to cut them together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<ConnectionsInner>);

#[derive(Debug, Default)]
struct ConnectionsInner {
    open: Mutex<Vec<Weak<ConnState>>>,
    /// New connections are refused until then, in milliseconds of the wall's clock.
    refused_until_ms: AtomicU64,
}

impl Connections {
    fn add(&self, state: &Arc<ConnState>) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Now and then the closed ones are forgotten.
        if open.len() == open.capacity() {
            open.retain(|state| state.strong_count() > 0);
        }
        open.push(Arc::downgrade(state));
    }

    /// Cuts all of them; says how many there were.
    pub(crate) fn cut_all(&self) -> usize {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let states: Vec<_> = open.drain(..).filter_map(|state| state.upgrade()).collect();
        drop(open);
        states.iter().for_each(|state| state.cut());
        states.len()
    }

    /// New connections are closed at once for so long.
    pub(crate) fn refuse_for(&self, ms: u64) {
        let until = wall_ms().saturating_add(ms);
        self.0.refused_until_ms.store(until, Ordering::Release);
    }

    fn refuses(&self) -> bool {
        let until = self.0.refused_until_ms.load(Ordering::Acquire);
        until != 0 && wall_ms() < until
    }
}

fn wall_ms() -> u64 {
    u64::try_from(crate::clock::system().millis()).unwrap_or(0)
}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub(crate) struct CuttableListener {
    pub(crate) listener: TcpListener,
    pub(crate) connections: Connections,
}

impl Listener for CuttableListener {
    type Io = Conn;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Conn, SocketAddr) {
        loop {
            let (stream, addr) = Listener::accept(&mut self.listener).await;
            if self.connections.refuses() {
                continue;
            }
            // An answer that waits for an acknowledgement costs 40 ms; a socket without the option still works.
            let _ = stream.set_nodelay(true);
            let state = Arc::new(ConnState {
                peer: addr.ip(),
                cut: AtomicBool::new(false),
                budget: AtomicI64::new(UNLIMITED),
                waker: Mutex::new(None),
                heads: Mutex::default(),
            });
            self.connections.add(&state);
            return (Conn { stream, state }, addr);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for ConnInfo {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> ConnInfo {
        ConnInfo(Arc::clone(&stream.io().state))
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    state: Arc<ConnState>,
}

fn reset() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

impl Conn {
    /// How many of `len` bytes may be written.
    fn allowed(&self, len: usize) -> io::Result<usize> {
        if self.state.is_cut() {
            return Err(reset());
        }
        let budget = self.state.budget.load(Ordering::Acquire);
        if budget <= 0 {
            return Err(reset());
        }
        Ok(len.min(usize::try_from(budget).unwrap_or(usize::MAX)))
    }

    fn written(&self, bytes: usize) {
        if self.state.budget.load(Ordering::Acquire) < UNLIMITED {
            self.state.budget.fetch_sub(bytes as i64, Ordering::AcqRel);
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.state.is_cut() {
                return Poll::Ready(Err(reset()));
            }
            let before = buf.filled().len();
            let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
            if polled.is_pending() {
                self.state.watch(cx);
                // It may have been cut just before.
                if self.state.is_cut() {
                    return Poll::Ready(Err(reset()));
                }
                return polled;
            }
            let read = buf.filled_mut().get_mut(before..).unwrap_or_default();
            if read.is_empty() {
                return polled;
            }
            let kept = self.state.heads().read(read);
            buf.set_filled(before + kept);
            // Where all of it was dropped there is more to come: nothing read would be the end.
            if kept > 0 {
                return polled;
            }
        }
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.allowed(buf.len())?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, &buf[..allowed]);
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.written(*bytes);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.allowed(all)? < all {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            return self.poll_write(cx, first);
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.written(*bytes);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
