//! Events per second of a made order flow. Usage: `flow_rate [MINUTES]`. On one core of our kind of machine 13
//! to 15 million, and 2.5 MB of memory, for 1,000 minutes as for 100,000.

use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::Feed;

const FLOWS: [(&str, &str); 2] = [
    ("constant", "{}"),
    ("hawkes", r#"{"hawkes": {"branching": 0.6, "decay_per_second": 0.5, "cross_share": 0.2}}"#),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let minutes: u32 = std::env::args().nth(1).map_or(Ok(7_200), |text| text.parse())?;
    for (name, flow) in FLOWS {
        let text = format!(
            r#"{{"model": "order_flow", "minutes": {minutes}, "funding": null, "order_flow": {flow},
                "symbols": [{{"symbol": "SOLUSDT", "start_price": 130.0, "price_decimals": 3,
                "tick_units": 10, "qty_decimals": 2, "volume_per_minute": 15000.0}}]}}"#
        );
        let market: SyntheticMarket = serde_json::from_str(&text)?;
        let mut feed = SyntheticFeed::of(&market, 1)?;
        let (mut batch, mut count) = (Vec::new(), 0u64);
        #[allow(clippy::disallowed_methods, reason = "it measures, it does not simulate")]
        let start = std::time::Instant::now();
        loop {
            feed.next_batch(&mut batch)?;
            if batch.is_empty() {
                break;
            }
            count += batch.len() as u64;
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{name}: {count} events, {:.1} M/s", count as f64 / seconds / 1e6);
    }
    Ok(())
}
