use super::*;
use crate::domain::binding::CallDirection;

const A: &str = "+8613800000001";
const B: &str = "+8613800000002";

fn fields(json: &str) -> Fields {
    Fields::from_json(json.as_bytes()).unwrap()
}

fn first(more: &str) -> Result<AxybBind, Unreadable> {
    match axyb_bind(&fields(&format!(r#"{{"origNum":"{A}","areaCode":"0755"{more}}}"#)))? {
        AxybStep::X(bind) => Ok(bind),
        other @ AxybStep::Y { .. } => panic!("{other:?}"),
    }
}

fn second(more: &str) -> Result<AxybStep, Unreadable> {
    axyb_bind(&fields(&format!(r#"{{"origNum":"{B}","subscriptionId":"id"{more}}}"#)))
}

#[test]
fn a_first_step_with_nothing_more_lives_two_hours_and_lets_both_call() {
    let bind = first("").unwrap();
    assert_eq!((bind.duration_secs, bind.yb_duration_secs, bind.matching), (7_200, 0, AreaMatch::Strict));
    assert_eq!(bind.terms, Terms::default());
    assert_eq!((bind.a.expose(), bind.area.to_string()), (A.to_owned(), "0755".to_owned()));
}

#[test]
fn numbers_and_flags_come_in_the_spellings_of_real_clients() {
    let bind = first(
        r#","areaMatchMode":1,"callDirection":"2","duration":"600","ybDuration":60,"recordFlag":"TRUE","preVoiceX":null"#,
    )
    .unwrap();
    assert_eq!((bind.matching, bind.terms.direction), (AreaMatch::Loose, CallDirection::BToA));
    assert_eq!((bind.duration_secs, bind.yb_duration_secs, bind.terms.record), (600, 60, true));
    assert_eq!(first(r#","duration":0,"ybDuration":"""#).map(|bind| bind.duration_secs), Ok(0));
}

#[test]
fn a_life_is_none_or_a_minute_to_ninety_days() {
    for (value, secs) in
        [("0", Some(0)), ("60", Some(60)), ("7776000", Some(7_776_000)), ("\"61\"", Some(61))]
    {
        for name in ["duration", "ybDuration"] {
            let read = life(&fields(&format!(r#"{{"{name}":{value}}}"#)), name);
            assert_eq!(read, Ok(secs), "{name} {value}");
        }
    }
    for value in ["1", "59", "7776001", "-1", "60.5", "true", "[]"] {
        let refused = life(&fields(&format!(r#"{{"duration":{value}}}"#)), "duration").unwrap_err();
        assert_eq!(refused.what, "duration must be 0 or 60 to 7776000.", "{value}");
    }
}

#[test]
fn a_subscription_id_makes_it_the_second_step_which_keeps_what_it_does_not_say() {
    let Ok(AxybStep::Y { subscription, area, matching, bind }) = second(r#","duration":5,"preVoiceY":"""#)
    else {
        panic!("a second step")
    };
    assert_eq!((subscription.as_str(), area, matching), ("id", None, None));
    let nothing = YbBind { b: bind.b, duration_secs: None, tone: None, user_data: None, on_call: false };
    assert_eq!(bind, nothing);
    let given =
        second(r#","areaCode":"010","areaMatchMode":"0","ybDuration":0,"preVoiceY":"y.wav","userData":"u""#);
    let Ok(AxybStep::Y { area, matching, bind, .. }) = given else { panic!("a second step") };
    assert_eq!((area, matching), (AreaCode::parse("010"), Some(AreaMatch::Strict)));
    assert_eq!(
        (bind.duration_secs, bind.tone.as_deref(), bind.user_data.as_deref()),
        (Some(0), Some("y.wav"), Some("u"))
    );
    let empty = axyb_bind(&fields(&format!(r#"{{"origNum":"{A}","subscriptionId":""}}"#))).unwrap_err();
    assert_eq!(empty.what, "areaCode is missing.", "an empty text is absent, so it is a first step");
}

#[test]
fn y_wins_over_b_and_what_it_hides_is_not_read() {
    let read = |query| axyb_unbind(&Fields::from_query(Some(query)));
    let which = |query| read(query).map(|meant| meant.which);
    let y = XNumber::new(E164::parse("+8617000000002").unwrap());
    assert_eq!(which("subscriptionId=id&yNum=%2B8617000000002&bNum=x"), Ok(WhichYb::Y(y)));
    assert_eq!(which("subscriptionId=id&bNum=%2B8613800000002"), Ok(WhichYb::B(E164::parse(B).unwrap())));
    assert_eq!(which("subscriptionId=id&yNum="), Ok(WhichYb::All));
    assert_eq!(read("subscriptionId=id&yNum=x").unwrap_err().code, ResultCode::RecordMissing);
    assert_eq!(read("subscriptionId=id&bNum=x").unwrap_err().code, ResultCode::InvalidRequest);
    assert_eq!(read("yNum=%2B8617000000002").unwrap_err().what, "subscriptionId is missing.");
}

#[test]
fn a_query_asks_for_an_id_before_an_x() {
    let read = |query| axyb_query(&Fields::from_query(Some(query)));
    assert_eq!(read("subscriptionId=id&relationNum=x"), Ok(AxybQuery::Subscription("id".into())));
    assert_eq!(read("relationNum=x").unwrap_err().code, ResultCode::RecordMissing);
    assert_eq!(read("").unwrap_err().what, "Give subscriptionId or relationNum.");
}

#[test]
fn the_app_key_of_the_url_is_required_and_compared() {
    assert_eq!(app_key(Some("a=b&app_key=key"), "key"), Ok(()));
    assert_eq!(app_key(Some("app_key=Key"), "key").unwrap_err().code, ResultCode::InvalidAppKey);
    for query in [None, Some(""), Some("app_key="), Some("appKey=key")] {
        assert_eq!(app_key(query, "key").unwrap_err().what, "app_key is missing.");
    }
}
