//! The bus of a session: embedded, with or without a mirror, or on a Redis server that others use, too.

use std::sync::Arc;

use engine::{Bus, MemoryBus, Nanos, ReadMode, TapeRecorder};
use live::link::Wake;
use live::redis::{KeyWatch, Listener, Mirror, RedisBus, RedisConfig};
use live::session::Operator;
use scenarios::{LiveSettings, Scenario, SessionParts};

/// A bus, and whether others write on it.
pub struct SessionBus {
    /// For the kernel.
    pub bus: Box<dyn Bus>,
    /// Its answers are inputs of the session.
    pub shared: bool,
}

fn config(live: &LiveSettings, address: &str) -> Result<RedisConfig, String> {
    let config = RedisConfig::new(address).map_err(|error| error.to_string())?;
    Ok(match &live.instance {
        Some(instance) => config.with_instance(instance),
        None => config,
    })
}

/// Opens the bus; an embedded one begins with the file's state.
pub fn open(scenario: &Scenario, start: Nanos) -> Result<SessionBus, String> {
    let live = &scenario.live;
    if let Some(address) = &live.redis {
        let bus = RedisBus::connect(config(live, address)?).map_err(|error| error.to_string())?;
        return Ok(SessionBus { bus: Box::new(TapeRecorder::new(bus)), shared: true });
    }
    let mut bus = MemoryBus::new();
    let Some(address) = &live.mirror else {
        scenario.lay_state(&mut bus, start).map_err(|error| error.to_string())?;
        return Ok(SessionBus { bus: Box::new(bus), shared: false });
    };
    let mut bus = Mirror::start(bus, config(live, address)?).map_err(|error| error.to_string())?;
    scenario.lay_state(&mut bus, start).map_err(|error| error.to_string())?;
    Ok(SessionBus { bus: Box::new(bus), shared: false })
}

/// Lets a session hear what others write into the streams that its services read.
pub fn listen(
    scenario: &Scenario,
    parts: &SessionParts,
    operator: &mut Operator,
    waker: &Arc<dyn Wake>,
) -> Result<(), String> {
    let live = &scenario.live;
    if let Some(address) = &live.redis {
        let mut streams: Vec<String> = Vec::new();
        for member in &parts.members {
            for reader in member.wiring().readers {
                let (ReadMode::Group { .. } | ReadMode::Tail { .. }) = reader.mode;
                if !streams.contains(&reader.stream) {
                    streams.push(reader.stream);
                }
            }
        }
        let listener = Listener::start(config(live, address)?, streams, Arc::clone(waker))
            .map_err(|error| error.to_string())?;
        operator.listen(listener);
    }
    Ok(())
}

/// Lets a session see the kill key, if it has one.
pub fn watch_kill_key(
    scenario: &Scenario,
    operator: &mut Operator,
    waker: &Arc<dyn Wake>,
) -> Result<(), String> {
    let live = &scenario.live;
    if let (Some(key), Some(address)) =
        (&live.kill_key, live.redis.as_ref().or(live.mirror.as_ref()))
    {
        let watch =
            KeyWatch::start(config(live, address)?, key, operator.handle(Arc::clone(waker)))
                .map_err(|error| error.to_string())?;
        operator.watch(watch);
    }
    Ok(())
}
