//! Questions to a service that only answers, and its answers as its caller hears them.

use engine::{
    Body, Context, Envelope, GroupStart, Input, Member, Nanos, Reader, Record, Service, ServiceId,
    Trim, TypedRecord, Wiring,
};
use pipeline::{PipelineSettings, chain};
use serde::{Deserialize, Serialize};

use crate::bench::{Bench, START, instrument};

const QUESTIONS: &str = "test:questions";
const ANSWERS: &str = "test:answers";
/// Longer than any service thinks.
const TIME_OUT: Nanos = Nanos::from_millis(100);

/// Asks what it finds in a stream, and writes down what it hears.
#[derive(Clone, Serialize, Deserialize)]
struct Asker {
    to: ServiceId,
}

impl Service for Asker {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::tail(QUESTIONS, GroupStart::Beginning)],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) => {
                let question = delivery.entry.body.clone().expect("a question");
                ctx.call(self.to, question, TIME_OUT);
            }
            Input::Reply(reply) => {
                if let Some(answer) = &reply.body {
                    ctx.publish(ANSWERS, Trim::Keep, answer.clone()).expect("a stream");
                }
            }
            _ => {}
        }
    }
}

/// This service alone, with somebody who asks it.
pub fn asked(service: &str, settings: &PipelineSettings) -> Bench {
    let mut members = chain(settings, &[instrument()]).expect("a chain");
    members.retain(|member| member.name == service);
    assert_eq!(members.len(), 1, "an unknown service");
    members.push(Member::new("asker", Box::new(Asker { to: ServiceId(0) })));
    let mut bench = Bench::of(START, vec![instrument()], members, Vec::new());
    bench.run_to_ms(1);
    bench
}

/// Its answer; `None` where it says nothing.
pub fn ask<A: TypedRecord>(bench: &mut Bench, question: impl Record) -> Option<A> {
    ask_anything(bench, Body::message(Envelope::Flat, question))
}

/// The same, for a question that nobody should ask.
pub fn ask_anything<A: TypedRecord>(bench: &mut Bench, question: Body) -> Option<A> {
    let heard = bench.entries(ANSWERS).len();
    let (now, stream) = (bench.kernel.now(), QUESTIONS.to_owned());
    bench.kernel.at(now, engine::Action::Publish { stream, body: question });
    bench.run_for_ms(200);
    let answers = bench.entries(ANSWERS);
    assert!(answers.len() <= heard + 1, "one answer a question");
    let body = answers.get(heard)?.body.clone().expect("a body");
    Some(body.read::<A>().expect("an answer").into_owned())
}
