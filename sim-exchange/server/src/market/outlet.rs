//! Where the market's events go out.

/// Whoever carries events to listeners. A topic is a stream's name or a listen key.
pub trait Outlet {
    /// Changes whenever a topic gains a listener or loses its last one.
    fn version(&self) -> u64;

    /// Names each topic that has a listener, and says whether one of them has not been welcomed yet.
    fn topics(&self, each: &mut dyn FnMut(&str, bool));

    /// Sends an event, as JSON, to the listeners of a topic.
    fn publish(&self, topic: &str, json: String);

    /// Sends what there is to the listeners of a topic who have come since the last welcome, and what is new to
    /// the others.
    fn welcome(&self, topic: &str, all: &[String], news: &[String]);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Outlet for Nobody {
    fn version(&self) -> u64 {
        0
    }

    fn topics(&self, _: &mut dyn FnMut(&str, bool)) {}

    fn publish(&self, _: &str, _: String) {}

    fn welcome(&self, _: &str, _: &[String], _: &[String]) {}
}
