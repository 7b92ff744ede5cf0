use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_767_323_100);

#[test]
fn a_question_is_read_whatever_the_caller_sent() {
    let caller = |json: &str| {
        let body = format!("{{\"callId\":\"c\",\"called\":\"8617000000001\"{json}}}");
        route_question(body.as_bytes()).unwrap().caller
    };
    let known = CallingParty::Number(E164::parse("+8613800000001").unwrap());
    assert_eq!(caller(",\"caller\":\"+8613800000001\""), known);
    assert_eq!(caller(",\"caller\":\"8613800000001\""), known);
    assert_eq!(caller(",\"caller\":\"Anonymous\""), CallingParty::Withheld);
    assert_eq!(caller(",\"caller\":\"\""), CallingParty::Withheld);
    assert_eq!(caller(",\"caller\":null"), CallingParty::Withheld);
    assert_eq!(caller(",\"caller\":\"sip:x@y\""), CallingParty::Unusable);
    assert_eq!(caller(",\"caller\":\"013800000001\""), CallingParty::Unusable);
    assert_eq!(route_question(b"{\"caller\":\"+8613800000001\"}"), None);
    assert_eq!(route_question(b"[]"), None);
}

#[test]
fn what_was_keyed_is_read_with_its_zeros_and_told_from_nothing() {
    let keyed = |json: &str| {
        let body = format!("{{\"callId\":\"c\",\"called\":\"8617000000001\"{json}}}");
        route_question(body.as_bytes()).unwrap().extension.as_deref().map(str::to_owned)
    };
    for (json, expected) in [
        ("", None),
        (",\"extension\":null", None),
        (",\"extension\":\"\"", Some("")),
        (",\"extension\":\"#\"", Some("")),
        (",\"extension\":\"0042\"", Some("0042")),
        (",\"extension\":\"0042#\"", Some("0042")),
        (",\"extension\":1234", Some("1234")),
        (",\"extension\":[]", None),
    ] {
        assert_eq!(keyed(json).as_deref(), expected, "{json}");
    }
    let long = keyed(&format!(",\"extension\":\"{}\"", "9".repeat(10_000))).unwrap();
    assert_eq!(long.len(), KEYED_CHARS_MAX);
}

#[test]
fn only_a_collect_info_event_carries_digits() {
    let body = br#"[{"eventId":"1","callId":"c","event":"collectInfo","ts":"1767323100","digits":"0042"},
        {"eventId":"2","callId":"c","event":"collectInfo","ts":"1767323101","digits":""},
        {"eventId":"3","callId":"c","event":"alerting","ts":"1767323102","digits":"7"}]"#;
    let read = events(body, NOW).unwrap();
    let digits: Vec<_> = read.usable.iter().map(|(_, event)| event.digits.as_deref()).collect();
    assert_eq!(digits, [Some("0042"), Some(""), None]);
    assert_eq!(read.usable[0].1.stage, Stage::Collected);
}

#[test]
fn unusable_events_are_counted_and_the_others_come_in_order_of_time() {
    let body = br#"[{"eventId":"2","callId":"c","event":"disconnect","ts":"1767323160.5","sip":"486","q850":17,"by":"callee"},
        {"eventId":"1","callId":"c","event":"callin","ts":"2026-01-02T03:05:00Z","called":"+8617000000001"},
        {"eventId":"3","callId":"c","event":"callin"}, {"eventId":"4","callId":"c","event":"dance"}, 7, null]"#;
    let read = events(body, NOW).unwrap();
    assert_eq!(read.unusable, 4);
    let [(_, first), (_, second)] = read.usable.as_slice() else { panic!("two events are usable") };
    assert_eq!((first.stage, first.at), (Stage::Incoming, NOW));
    assert_eq!((second.sip, second.q850, second.by), (Some(486), Some(17), Some(ReleasedBy::Callee)));
    assert_eq!(second.at, Timestamp::from_millis(1_767_323_160_500));
}

#[test]
fn a_body_that_is_no_json_is_one_unusable_event_and_too_many_are_refused() {
    assert_eq!(events(b"not json", NOW).unwrap().unusable, 1);
    let many = format!("[{}]", vec!["null"; ITEMS_MAX + 1].join(","));
    assert_eq!(events(many.as_bytes(), NOW).unwrap_err(), TooMany);
}

#[test]
fn a_carriers_status_is_read_and_a_senseless_one_counted() {
    let body = br#"{"numbers":[{"number":"+8617000000001","status":"10","cause":"2"},{"number":"+8617000000002","status":9},
        {"number":"+8617000000003","status":"4"},{"number":"x","status":"5"},{"number":"+8617000000004","status":"10","cause":"4"}]}"#;
    let read = number_status(body).unwrap();
    let statuses: Vec<_> = read.usable.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [NumberStatus::Unavailable(Some(2)), NumberStatus::Suspended]);
    assert_eq!(read.unusable, 3);
}

#[test]
fn what_is_said_of_a_recording_tells_whether_it_comes_to_us() {
    let read = |members: &str| {
        let body = format!("{{\"callId\":\"c\"{members}}}");
        recording(body.as_bytes(), NOW).map(|(_, report)| report)
    };
    assert_eq!(read(""), Some(RecordingReport::Awaited { started_at: NOW }));
    assert_eq!(
        read(",\"object\":\"\",\"seconds\":\"3\""),
        Some(RecordingReport::Awaited { started_at: NOW })
    );
    assert_eq!(read(",\"object\":\"a.wav\",\"seconds\":2"), Some(RecordingReport::TooShort));
    let at = |started_at| Some(RecordingReport::At { path: "d/a.wav".into(), started_at });
    assert_eq!(read(",\"path\":\"d/a.wav\",\"object\":\"b\",\"seconds\":1"), at(None));
    assert_eq!(read(",\"path\":\"d/a.wav\",\"startedAt\":1767323100"), at(Some(NOW)));
    let Some(RecordingReport::Elsewhere(recording)) = read(",\"object\":\"a.wav\",\"domain\":\"d\"") else {
        panic!("it lies elsewhere");
    };
    assert_eq!((&*recording.object, &*recording.domain, recording.seconds), ("a.wav", "d", 0));
    for unusable in [
        ",\"callId\":\"\"".to_owned(),
        format!(",\"path\":\"{}\"", "p".repeat(4_097)),
        format!(",\"object\":\"{}\"", "o".repeat(129)),
    ] {
        assert_eq!(read(&unusable), None);
    }
}

#[test]
fn the_start_of_a_recording_may_stand_in_the_query() {
    assert_eq!(recording_start(Some("x=1&startedAt=2026-01-02T03%3A05%3A00Z")), Some(NOW));
    assert_eq!(recording_start(Some("startedAt=1767323100.0")), Some(NOW));
    assert_eq!(recording_start(Some("startedAt=yesterday")), None);
    assert_eq!(recording_start(None), None);
}
