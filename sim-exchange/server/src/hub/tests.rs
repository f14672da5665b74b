//! Topics, listeners, and what each of them hears.

use super::*;

fn got(listener: &mut Listener) -> Vec<String> {
    std::iter::from_fn(|| listener.events.try_recv().ok().map(|text| text.to_string())).collect()
}

#[test]
fn raw_and_wrapped_listeners_get_their_topics() {
    let hub = Hub::default();
    let (mut raw, mut wrapped) = (hub.listen(false), hub.listen(true));
    assert!(raw.subscribe("a@trade", None) && !raw.subscribe("a@trade", None));
    wrapped.subscribe("a@trade", None);
    wrapped.subscribe("b@trade", None);
    hub.publish("a@trade", "{}");
    hub.publish("b@trade", "[]");
    hub.publish("c@trade", "0");
    assert_eq!(got(&mut raw), ["{}"]);
    let both = [r#"{"stream":"a@trade","data":{}}"#, r#"{"stream":"b@trade","data":[]}"#];
    assert_eq!(got(&mut wrapped), both);
    assert_eq!(wrapped.topics(), ["a@trade".into(), "b@trade".into()]);
}

#[test]
fn faults_double_hold_back_and_lose() {
    let hub = Hub::default();
    let mut all = hub.listen(false);
    all.subscribe("a@x", None);
    all.subscribe("b@x", None);
    let fault = |what: &str| {
        let text = format!(r#"{{"kind":{what},"times":1,"stream":"a@"}}"#);
        hub.add_fault(serde_json::from_str(&text).unwrap())
    };
    let say = |texts: &[&str]| texts.iter().for_each(|text| hub.publish("a@x", text));
    fault(r#""duplicate""#).unwrap();
    hub.publish("b@x", "other");
    say(&["1", "2"]);
    assert_eq!(got(&mut all), ["other", "1", "1", "2"]);
    fault(r#""late","behind":2"#).unwrap();
    say(&["3", "4"]);
    hub.publish("b@x", "other");
    say(&["5", "6"]);
    assert_eq!(got(&mut all), ["4", "other", "5", "3", "6"]);
    fault(r#""lose""#).unwrap();
    fault(r#""late","behind":9"#).unwrap();
    say(&["7", "8", "9"]);
    assert_eq!(got(&mut all), ["9"]);
    hub.clear_faults();
    assert_eq!(got(&mut all), ["8"], "what was held back is told in the end");
    assert!(fault(r#""late","behind":0"#).is_err());
}

#[test]
fn the_version_tells_when_topics_come_and_go() {
    let hub = Hub::default();
    let mut seen = hub.version();
    let mut moved = |moves: bool| {
        let now = hub.version();
        assert_eq!(std::mem::replace(&mut seen, now) != now, moves);
    };
    let (first, second) = (hub.listen(false), hub.listen(false));
    moved(false);
    first.subscribe("a", None);
    moved(true);
    second.subscribe("a", None);
    moved(true);
    first.unsubscribe("a");
    moved(false);
    assert!(hub.has_listeners("a"));
    drop(second);
    moved(true);
    assert!(!hub.has_listeners("a"));
}

#[test]
fn who_has_just_come_is_welcomed_once_and_alone() {
    let hub = Hub::default();
    let welcomes = || {
        let mut welcomes = Vec::new();
        hub.topics(&mut |topic, new| welcomes.push((topic.to_owned(), new)));
        welcomes
    };
    let (mut first, mut second) = (hub.listen(false), hub.listen(true));
    first.subscribe("a", None);
    assert_eq!(welcomes(), [("a".to_owned(), true)]);
    hub.welcome("a", &["1".to_owned()], &["1".to_owned()]);
    assert_eq!(welcomes(), [("a".to_owned(), false)]);
    second.subscribe("a", None);
    hub.publish("a", "2");
    hub.welcome("a", &["3".to_owned(), "4".to_owned()], &["4".to_owned()]);
    hub.welcome("a", &["5".to_owned()], &[]);
    assert_eq!(got(&mut first), ["1", "2", "4"]);
    let wrapped = ["2", "3", "4"].map(|n| format!("{{\"stream\":\"a\",\"data\":{n}}}"));
    assert_eq!(got(&mut second), wrapped);
    second.unsubscribe("a");
    second.subscribe("a", None);
    drop(second);
    assert_eq!(welcomes(), [("a".to_owned(), false)], "nobody new is left");
}

#[test]
fn a_filter_lets_the_named_events_through() {
    let hub = Hub::default();
    let mut some = hub.listen(false);
    some.subscribe("key", Some(vec!["ACCOUNT_UPDATE".into(), "listenKeyExpired".into()]));
    hub.publish("key", r#"{"e":"ORDER_TRADE_UPDATE","E":1}"#);
    hub.publish("key", r#"{"e":"ACCOUNT_UPDATE","E":2}"#);
    assert_eq!(got(&mut some), [r#"{"e":"ACCOUNT_UPDATE","E":2}"#]);
}

#[test]
fn who_is_too_slow_gets_all_until_he_is_cut_off() {
    let hub = Hub::with_queues(3);
    let (mut slow, mut quick) = (hub.listen(false), hub.listen(false));
    for listener in [&slow, &quick] {
        listener.subscribe("a", None);
    }
    let mut told = Vec::new();
    for n in 0..5 {
        hub.publish("a", &n.to_string());
        told.extend(got(&mut quick));
    }
    assert_eq!(told, ["0", "1", "2", "3", "4"]);
    assert_eq!(*slow.cut_off().borrow(), Some(CutOff::TooSlow));
    assert_eq!(got(&mut slow), ["0", "1", "2"], "a beginning without a gap");
    assert_eq!((hub.counts().too_slow, hub.counts().connections), (1, 1));
}
