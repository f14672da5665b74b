//! What the address of a stream connection asks for.

use percent_encoding::percent_decode_str;

use crate::market::{Route, StreamName};

/// Which streams a path carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Public,
    Market,
    Private,
    /// A path without a route, as before 2026-04.
    All,
}

impl Carries {
    /// Whether a name is carried: of a market stream, or what is taken for a listen key.
    pub(super) fn takes(self, name: &str) -> bool {
        match (self, StreamName::parse(name).map(|name| name.route())) {
            (Carries::All, _) => true,
            (Carries::Public, route) => route == Some(Route::Public),
            (Carries::Market, route) => route == Some(Route::Market),
            (Carries::Private, route) => route.is_none(),
        }
    }
}

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) carries: Carries,
    /// `/stream`: events come with their stream's name.
    pub(super) wrapped: bool,
    pub(super) names: Vec<Box<str>>,
    /// Only these events of the user stream.
    pub(super) events: Option<Vec<Box<str>>>,
}

const ROUTES: [(&str, Carries); 3] =
    [("/public", Carries::Public), ("/market", Carries::Market), ("/private", Carries::Private)];

fn after<'a>(path: &'a str, first: &str) -> Option<&'a str> {
    path.strip_prefix(first).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is one of the stream sockets.
pub fn is_stream_path(path: &str) -> bool {
    let routed = ROUTES.iter().map(|(route, _)| *route);
    routed.chain(["/ws", "/stream"]).any(|first| after(path, first).is_some())
}

impl Plan {
    /// Reads path and query; none where there is no such path. Since 2026-04-23 a path without a route
    /// carries what `/public` does, or all streams with `legacy`.
    pub(super) fn read(path: &str, query: &str, legacy: bool) -> Option<Plan> {
        let routed =
            ROUTES.iter().find_map(|(route, carries)| Some((after(path, route)?, *carries)));
        let unrouted = if legacy { Carries::All } else { Carries::Public };
        let (rest, carries) = routed.unwrap_or((path, unrouted));
        let mut plan = Plan { carries, wrapped: false, names: Vec::new(), events: None };
        if after(rest, "/stream").is_some() {
            plan.wrapped = true;
        } else {
            let names = if rest.is_empty() { "" } else { after(rest, "/ws")? };
            plan.add(names);
        }
        for piece in query.split('&') {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            match name {
                "streams" | "listenKey" => plan.add(value),
                "events" if !value.is_empty() => {
                    let events = percent_decode_str(value).decode_utf8_lossy().into_owned();
                    plan.events = Some(events.split('/').map(Box::from).collect());
                }
                _ => {}
            }
        }
        Some(plan)
    }

    /// Names divided by slashes. A number is no name: clients tell their connections apart by it.
    fn add(&mut self, names: &str) {
        let names = percent_decode_str(names).decode_utf8_lossy();
        for name in names.split('/') {
            let is_number = name.bytes().all(|b| b.is_ascii_digit());
            if !is_number && !self.names.iter().any(|known| &**known == name) {
                self.names.push(name.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Option<(Carries, bool, String)> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let plan = Plan::read(path, query, false)?;
        Some((plan.carries, plan.wrapped, plan.names.join(" ")))
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let cases: &[(&str, Carries, bool, &str)] = &[
            ("/public/ws", Carries::Public, false, ""),
            ("/public/ws/0", Carries::Public, false, ""),
            (
                "/public/ws/btcusdt@depth/ethusdt@depth",
                Carries::Public,
                false,
                "btcusdt@depth ethusdt@depth",
            ),
            ("/market/ws/btcusdt%40aggTrade", Carries::Market, false, "btcusdt@aggTrade"),
            ("/market/stream", Carries::Market, true, ""),
            ("/market/stream?streams=", Carries::Market, true, ""),
            (
                "/market/stream?streams=a@aggTrade/!ticker@arr",
                Carries::Market,
                true,
                "a@aggTrade !ticker@arr",
            ),
            (
                "/market/stream?streams=a%40aggTrade%2Fb@trade&x=1",
                Carries::Market,
                true,
                "a@aggTrade b@trade",
            ),
            ("/private/ws/someKey", Carries::Private, false, "someKey"),
            ("/private/ws?listenKey=someKey", Carries::Private, false, "someKey"),
            ("/private/stream?listenKey=someKey", Carries::Private, true, "someKey"),
            ("/private", Carries::Private, false, ""),
            ("/ws/btcusdt@trade", Carries::Public, false, "btcusdt@trade"),
            ("/stream", Carries::Public, true, ""),
        ];
        for (address, carries, wrapped, names) in cases {
            assert_eq!(read(address), Some((*carries, *wrapped, (*names).to_owned())), "{address}");
        }
        assert_eq!(read("/public/foo"), None);
        let events = Plan::read("/private/ws", "listenKey=K&events=A/B", true).unwrap().events;
        assert_eq!(events, Some(vec!["A".into(), "B".into()]));
        assert!(
            is_stream_path("/ws") && is_stream_path("/market/x") && !is_stream_path("/ws-fapi/v1")
        );
    }

    #[test]
    fn a_path_carries_its_streams_only() {
        for (name, route) in [
            ("a@depth", Carries::Public),
            ("a@aggTrade", Carries::Market),
            ("aKey", Carries::Private),
        ] {
            for carries in [Carries::Public, Carries::Market, Carries::Private] {
                assert_eq!(carries.takes(name), carries == route, "{name} on {carries:?}");
            }
            assert!(Carries::All.takes(name));
        }
    }
}
