//! Where the market's events go out.

/// Whoever carries events to listeners. A topic is a stream's name or a listen key.
pub trait Outlet {
    /// Changes whenever a topic gains its first listener or loses its last one.
    fn version(&self) -> u64;

    /// Names each topic that has a listener.
    fn topics(&self, each: &mut dyn FnMut(&str));

    /// Sends an event, as JSON, to the listeners of a topic.
    fn publish(&self, topic: &str, json: String);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Outlet for Nobody {
    fn version(&self) -> u64 {
        0
    }

    fn topics(&self, _: &mut dyn FnMut(&str)) {}

    fn publish(&self, _: &str, _: String) {}
}
