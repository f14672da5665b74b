//! The bus of a session: embedded, with or without a mirror, or on a Redis server that others use, too.

use std::sync::Arc;

use engine::{Bus, MemoryBus, Nanos, ReadMode, TapeRecorder};
use live::link::Wake;
use live::redis::{Health, KeyWatch, Listener, Mirror, RedisBus, RedisConfig};
use live::session::Operator;
use scenarios::{LiveSettings, Scenario, SessionParts};

/// A bus, and whether others write on it.
pub struct SessionBus {
    /// For the kernel.
    pub bus: Box<dyn Bus>,
    /// Its answers are inputs of the session.
    pub shared: bool,
    /// Of its server, if it has one.
    pub health: Option<Health>,
}

fn config(live: &LiveSettings, address: &str) -> Result<RedisConfig, String> {
    let setting = setting(live);
    let config = RedisConfig::new(address).map_err(|error| format!("{setting}: {error}"))?;
    let config = config.with_speed(live.speed);
    Ok(match &live.instance {
        Some(instance) => config.with_instance(instance),
        None => config,
    })
}

/// Which setting names the server.
fn setting(live: &LiveSettings) -> &'static str {
    if live.redis.is_some() { "live.redis" } else { "live.mirror" }
}

/// Whether the server of the bus, or that of its copy, answers; by the name of its setting.
pub fn reaches(scenario: &Scenario) -> Option<(&'static str, Result<(), String>)> {
    let live = &scenario.live;
    let address = live.redis.as_ref().or(live.mirror.as_ref())?;
    let connected = config(live, address)
        .and_then(|config| RedisBus::connect(config).map(drop).map_err(|error| error.to_string()));
    Some((setting(live), connected))
}

/// Opens the bus; an embedded one begins with the file's state.
pub fn open(scenario: &Scenario, start: Nanos) -> Result<SessionBus, String> {
    let live = &scenario.live;
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", setting(live));
    if let Some(address) = &live.redis {
        let bus = RedisBus::connect(config(live, address)?).map_err(|error| said(&error))?;
        let health = Some(Health::of_bus(&bus));
        return Ok(SessionBus { bus: Box::new(TapeRecorder::new(bus)), shared: true, health });
    }
    let mut bus = MemoryBus::new();
    let Some(address) = &live.mirror else {
        scenario.lay_state(&mut bus, start).map_err(|error| error.to_string())?;
        return Ok(SessionBus { bus: Box::new(bus), shared: false, health: None });
    };
    let config = config(live, address)?;
    // A copy that cannot begin is told now and not by a dashboard that stays empty.
    RedisBus::connect(config.clone()).map_err(|error| said(&error))?;
    let mut bus = Mirror::start(bus, config).map_err(|error| said(&error))?;
    scenario.lay_state(&mut bus, start).map_err(|error| error.to_string())?;
    let health = Some(bus.health());
    Ok(SessionBus { bus: Box::new(bus), shared: false, health })
}

/// Lays the file's state on a bus that others write on, where it is this process's to do.
pub fn rehearse(scenario: &Scenario, rehearses: bool, start: Nanos) -> Result<(), String> {
    let Some(address) = &scenario.live.redis else { return Ok(()) };
    if !rehearses {
        tracing::info!(
            "the file's state and timeline are left to the process with the first service of the pipeline"
        );
        return Ok(());
    }
    // Over a connection of its own: what it is answered is no input of the session.
    let mut bus = RedisBus::connect(config(&scenario.live, address)?)
        .map_err(|error| format!("live.redis: {error}"))?;
    scenario.lay_shared_state(&mut bus, start).map_err(|error| error.to_string())
}

/// The streams that the services of this process read.
pub fn streams_of(parts: &SessionParts) -> Vec<String> {
    let mut streams: Vec<String> = Vec::new();
    for member in &parts.members {
        for reader in member.wiring().readers {
            let (ReadMode::Group { .. } | ReadMode::Tail { .. }) = reader.mode;
            if !streams.contains(&reader.stream) {
                streams.push(reader.stream);
            }
        }
    }
    streams
}

/// Lets a session hear what others write into the streams that its services read, and how the server is.
pub fn listen(
    scenario: &Scenario,
    streams: Vec<String>,
    health: Option<Health>,
    operator: &mut Operator,
    waker: &Arc<dyn Wake>,
) -> Result<(), String> {
    let live = &scenario.live;
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", setting(live));
    if let Some(address) = &live.redis {
        let listener = Listener::start(config(live, address)?, streams, Arc::clone(waker))
            .map_err(|error| said(&error))?;
        operator.listen(listener);
    }
    if let Some(health) = health {
        operator.look_after(health);
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
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", setting(live));
    if let (Some(key), Some(address)) =
        (&live.kill_key, live.redis.as_ref().or(live.mirror.as_ref()))
    {
        let watch =
            KeyWatch::start(config(live, address)?, key, operator.handle(Arc::clone(waker)))
                .map_err(|error| said(&error))?;
        operator.watch(watch);
    }
    Ok(())
}
