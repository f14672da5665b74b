//! The first lines of requests, before the parser of HTTP sees them.
//!
//! Some clients write JSON lists and other bytes into the address as they are, which the parser takes for an
//! error that it answers itself, without a body. So what it does not take is replaced here, one byte for one,
//! and the address as it came waits for whoever serves its request: it is what the client has signed. An
//! address that is too long for the parser is cut, so that we can say so.

use std::collections::VecDeque;

/// The longest address that is served; the parser's own bound is 65,534 bytes.
pub(crate) const TARGET_MAX: usize = 60_000;
/// What is longer than this is dropped.
const TARGET_CUT: usize = TARGET_MAX + 1_000;
/// Of header fields only the beginning is looked at.
const FIELD_MAX: usize = 64;
/// Addresses that wait for their requests: more than a client sends before it reads an answer.
const WAITING_MAX: usize = 64;

/// Where in what a client writes we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the address of a request.
    #[default]
    Method,
    Target,
    /// Behind the address, until the line ends.
    Version,
    Fields,
    /// In a body of which so many bytes are to come.
    Body(u64),
    /// In a body of unknown length, or behind an upgrade: only what begins like a request is looked at.
    Unknown,
}

/// Follows one connection.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    place: Place,
    /// The address so far, as it came.
    target: Vec<u8>,
    /// The beginning of the header field so far.
    field: Vec<u8>,
    /// Bytes of the body, by the fields so far; none where they do not say it.
    body: Option<u64>,
    /// Addresses with a byte that was replaced.
    waiting: VecDeque<Box<[u8]>>,
}

/// What the parser reads in place of a byte of an address.
fn readable(byte: u8) -> u8 {
    match byte {
        0x21 | 0x24..=0x3B | 0x3D | 0x3F..=0x5F | 0x61..=0x7E => byte,
        _ => b'_',
    }
}

fn begins_request(bytes: &[u8]) -> bool {
    let methods: [&[u8]; 4] = [b"GET /", b"POST /", b"PUT /", b"DELETE /"];
    methods.iter().any(|method| bytes.starts_with(method))
}

impl Heads {
    /// Makes what was read readable; answers how much of it is left, at its beginning.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> usize {
        if self.place == Place::Unknown && begins_request(bytes) {
            self.place = Place::Method;
        }
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = bytes.get(at).copied() {
            let rest = bytes.len() - at;
            // Bodies and all that is unknown go by as a whole.
            let whole = match self.place {
                Place::Body(left) => usize::try_from(left).map_or(rest, |left| left.min(rest)),
                Place::Unknown => rest,
                _ => 0,
            };
            if whole > 0 {
                if kept != at {
                    bytes.copy_within(at..at + whole, kept);
                }
                (at, kept) = (at + whole, kept + whole);
                self.passed(whole as u64);
                continue;
            }
            at += 1;
            if let Some(seen) = self.byte(byte) {
                bytes[kept] = seen;
                kept += 1;
            }
        }
        kept
    }

    /// The address as it came of a request whose address was read as `seen`; none where nothing in it was
    /// replaced.
    pub(crate) fn as_sent(&mut self, seen: &str) -> Option<String> {
        let is_its = |raw: &[u8]| raw.iter().map(|byte| readable(*byte)).eq(seen.bytes());
        let place = self.waiting.iter().position(|raw| is_its(raw))?;
        // Requests are served in the order in which they came: what came before was refused by the parser.
        let raw = self.waiting.drain(..=place).next_back()?;
        Some(String::from_utf8_lossy(&raw).into_owned())
    }

    /// One byte outside of bodies, as the parser is to see it; none where it is dropped.
    fn byte(&mut self, byte: u8) -> Option<u8> {
        match (self.place, byte) {
            (Place::Method, b' ') => {
                self.place = Place::Target;
                self.target.clear();
            }
            (Place::Target, b' ' | b'\r') => self.place = Place::Version,
            (Place::Target | Place::Version, b'\n') => self.first_line_ends(),
            (Place::Target, _) if self.target.len() >= TARGET_CUT => return None,
            (Place::Target, _) => {
                self.target.push(byte);
                return Some(readable(byte));
            }
            (Place::Fields, b'\n') => self.field_ends(),
            (Place::Fields, _) if self.field.len() < FIELD_MAX => self.field.push(byte),
            _ => {}
        }
        Some(byte)
    }

    fn first_line_ends(&mut self) {
        self.place = Place::Fields;
        self.field.clear();
        self.body = Some(0);
        if self.target.iter().any(|byte| readable(*byte) != *byte) {
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back(self.target.as_slice().into());
        }
    }

    /// A header field, or the end of them.
    fn field_ends(&mut self) {
        let field = std::mem::take(&mut self.field);
        let text = field.trim_ascii();
        if text.is_empty() {
            self.place = self.body.map_or(Place::Unknown, Place::Body);
            self.passed(0);
        } else if let Some(colon) = text.iter().position(|byte| *byte == b':') {
            let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                self.body = self.body.and(length);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding")
                || (name.eq_ignore_ascii_case(b"upgrade")
                    && value.eq_ignore_ascii_case(b"websocket"))
            {
                self.body = None;
            }
        }
        self.field = field;
        self.field.clear();
    }

    /// So many bytes of a body have gone by.
    fn passed(&mut self, bytes: u64) {
        if let Place::Body(left) = self.place {
            self.place = match left.saturating_sub(bytes) {
                0 => Place::Method,
                left => Place::Body(left),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser sees of pieces that come one after the other.
    fn seen(heads: &mut Heads, pieces: &[&[u8]]) -> String {
        let mut seen = Vec::new();
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let kept = heads.read(&mut bytes);
            seen.extend_from_slice(&bytes[..kept]);
        }
        String::from_utf8(seen).unwrap()
    }

    const RAW: &str = "/a?l=[{\"b\":`1`}]|<é>#x";

    fn masked() -> String {
        RAW.bytes().map(|byte| char::from(readable(byte))).collect()
    }

    #[test]
    fn an_address_is_readable_and_comes_back_however_it_is_cut_into_pieces() {
        let text = format!(
            "POST {RAW} HTTP/1.1\r\nContent-Length: 4\r\n\r\n\"`\"\nGET {RAW} HTTP/1.1\r\nA: \"\r\n\r\n"
        );
        let expected = text.replace(RAW, &masked());
        assert!(masked().is_ascii() && !masked().contains(['"', '`', '<', '>', '#']));
        for length in [1, 2, 3, 5, 7, text.len()] {
            let mut heads = Heads::default();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(length).collect();
            assert_eq!(seen(&mut heads, &pieces), expected, "in pieces of {length}");
            assert_eq!(heads.as_sent("/time"), None);
            for _ in 0..2 {
                assert_eq!(heads.as_sent(&masked()).as_deref(), Some(RAW));
            }
            assert_eq!(heads.as_sent(&masked()), None);
        }
    }

    #[test]
    fn what_the_parser_refused_is_not_taken_for_a_later_request() {
        let mut heads = Heads::default();
        let lines = b"GET /a? HTTP/9\r\n\r\nGET /b?\" HTTP/1.1\r\n\r\nGET /c?\" HTTP/1.1\r\n\r\n";
        seen(&mut heads, &[lines]);
        assert_eq!(heads.as_sent("/c?_").as_deref(), Some("/c?\""));
        assert_eq!(heads.as_sent("/b?_"), None);
        for _ in 0..2 * WAITING_MAX {
            seen(&mut heads, &[b"GET /d?\" HTTP/1.1\r\n\r\n"]);
        }
        assert_eq!(heads.waiting.len(), WAITING_MAX);
    }

    #[test]
    fn chunks_and_upgrades_go_by() {
        let mut heads = Heads::default();
        let chunks: &[u8] =
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nX \"\r\n0\r\n\r\n";
        assert_eq!(seen(&mut heads, &[chunks]).as_bytes(), chunks);
        let upgrade: &[u8] = b"GET /ws HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n";
        assert_eq!(
            seen(&mut heads, &[upgrade, b"\x01 \"\n \"<"]).as_bytes()[upgrade.len()..],
            *b"\x01 \"\n \"<"
        );
    }

    #[test]
    fn a_long_address_is_cut() {
        let mut heads = Heads::default();
        let long = "x".repeat(200_000);
        let text = format!("GET /{long} HTTP/1.1\r\nA: b\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(4_096).collect();
        let seen = seen(&mut heads, &pieces);
        let short = "x".repeat(TARGET_CUT - 1);
        assert_eq!(seen, format!("GET /{short} HTTP/1.1\r\nA: b\r\n\r\nGET /b HTTP/1.1\r\n\r\n"));
    }

    #[test]
    fn what_is_no_request_is_left_as_it_is() {
        let mut heads = Heads::default();
        let hello: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00];
        let mut bytes = hello.to_vec();
        assert_eq!(heads.read(&mut bytes), hello.len());
        assert_eq!(bytes, hello);
    }
}
