//! Between a client and its server: loses requests before they arrive and answers after they were given.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cuts the connection at each so many-th piece that passes.
pub struct Proxy {
    pub port: u16,
    pub cut: Arc<Cut>,
}

#[derive(Default)]
pub struct Cut {
    /// Requests that did not get through.
    pub requests: AtomicU64,
    /// Answers that did not get through.
    pub answers: AtomicU64,
}

impl Proxy {
    /// Ends with the process of the test.
    pub fn start(server: u16, each_request: u64, each_answer: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let cut = Arc::new(Cut::default());
        let counted = cut.clone();
        let (requests, answers) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        thread(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (from, to) = (client.try_clone().expect("it"), server.try_clone().expect("it"));
                let (number, lost) = (requests.clone(), counted.clone());
                thread(move || pump(from, to, &number, each_request, &lost.requests));
                let (number, lost) = (answers.clone(), counted.clone());
                thread(move || pump(server, client, &number, each_answer, &lost.answers));
            }
        });
        Proxy { port, cut }
    }
}

impl Proxy {
    /// Passes everything on, with these words of the server in place of others that are as long.
    pub fn telling(server: u16, words: &'static str, others: &'static str) -> Proxy {
        assert_eq!(words.len(), others.len(), "lengths are part of the protocol");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        thread(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (from, to) = (client.try_clone().expect("it"), server.try_clone().expect("it"));
                thread(move || pass(from, to, "", ""));
                thread(move || pass(server, client, words, others));
            }
        });
        Proxy { port, cut: Arc::default() }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, words: &str, others: &str) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let told = &mut buffer[..length];
        if !words.is_empty()
            && let Some(at) = told.windows(words.len()).position(|text| text == words.as_bytes())
        {
            told[at..at + words.len()].copy_from_slice(others.as_bytes());
        }
        if to.write_all(told).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("a thread");
}

fn pump(mut from: TcpStream, mut to: TcpStream, number: &AtomicU64, each: u64, lost: &AtomicU64) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let piece = number.fetch_add(1, Ordering::Relaxed) + 1;
        // Small ones only: what is said when a connection begins gets through, or none would come about.
        if piece.is_multiple_of(each) && length < 500 {
            lost.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
