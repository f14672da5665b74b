//! What a comparison has fitted, as a piece of a scenario file, with the bounds of each value as a comment.

use std::fmt::Write as _;

use sim_exchange::depth::QueueKind;

use super::fit_latency::{FittedLatency, FittedLeg};
use super::fit_queue::name;
use super::report::{CommissionRate, Comparison};

impl Comparison {
    /// `[account]` and `[exchange]` of the calibrated simulation, as a file that scenarios include.
    pub fn calibration(&self) -> String {
        let Comparison { scenario, from, to, .. } = self;
        let mut text = format!(
            "# Fitted by `qsim compare` to the session of {scenario} from {from} to {to}.\n# Use: include = [\"this file's name\"] at the top of a scenario file. What that file says itself wins.\n"
        );
        fees(&mut text, &self.commissions);
        self.queue(&mut text);
        latency(&mut text, &self.latency);
        text
    }

    fn queue(&self, text: &mut String) {
        let fitted = &self.queue;
        let Some(kind) = fitted.model else {
            let lacks = fitted.lacks.as_deref().unwrap_or("nothing tells of queues");
            let _ = writeln!(text, "\n# No queue: {lacks}.");
            return;
        };
        let _ = writeln!(text, "\n[exchange]\n# From {} resting orders.", fitted.orders);
        for one in &fitted.tried {
            let percent = f64::from(one.best_in_thousand) / 10.0;
            let _ = writeln!(
                text,
                "# {} misses fills by {} µs; the best in {percent:.1} % of samples",
                name(one.model),
                one.misfit_us
            );
        }
        let _ = writeln!(text, "queue = {}", queue_toml(kind));
    }
}

fn fees(text: &mut String, commissions: &[CommissionRate]) {
    if commissions.iter().all(|one| one.paid.is_none()) {
        text.push_str("\n# No fees: nothing filled.\n");
        return;
    }
    text.push_str("\n[account]\n# Without effect beside `vip`, which has fees of its own.\n");
    for one in commissions {
        let key = if one.maker { "maker_fee" } else { "taker_fee" };
        let (Some(paid), Some((low, high))) = (one.paid, one.bounds) else {
            let _ = writeln!(text, "# No {key}: no such order filled.");
            continue;
        };
        let _ = match one.exact {
            true => writeln!(text, "# Each of {} fills paid this.", one.fills),
            false => writeln!(
                text,
                "# Of all {} fills together; single ones paid {} to {}.",
                one.fills,
                low.normalize(),
                high.normalize()
            ),
        };
        let _ = writeln!(text, "{key} = \"{}\"", paid.normalize());
    }
}

fn latency(text: &mut String, fitted: &FittedLatency) {
    let FittedLatency { request, response, .. } = fitted;
    let (Some(_), Some(_)) = (request.distribution(), response.distribution()) else {
        let _ = writeln!(
            text,
            "\n# No latency: too few were measured: {} requests, {} answers and events.",
            request.samples, response.samples
        );
        return;
    };
    text.push_str("\n# In place of request_latency_us and response_latency_us: remove those.\n");
    text.push_str("[exchange.latency]\n# Pairs of thousandths and µs, with 90 % bounds.\n");
    leg(text, "request", request, "requests");
    leg(text, "response", response, "answers and events");
}

fn leg(text: &mut String, key: &str, leg: &FittedLeg, of: &str) {
    let _ = writeln!(text, "# From {} {of}.\n{key} = [", leg.samples);
    for row in &leg.quantiles {
        let pair = format!("[{}, {}],", row.thousandths, row.us);
        let _ = writeln!(text, "    {pair:<20} # {} to {}", row.low_us, row.high_us);
    }
    text.push_str("]\n");
}

fn queue_toml(kind: QueueKind) -> String {
    let text = name(kind);
    match text.split_once(' ') {
        Some((model, exponent)) => format!("{{ model = \"{model}\", exponent = {exponent} }}"),
        None => format!("{{ model = \"{text}\" }}"),
    }
}
