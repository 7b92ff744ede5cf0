//! Values that a field cannot have.

use serde_json::{Value, json};

use super::recorder;
use crate::world::{A, AX, AX_CALLEE, AXB, AXE, AXE_LIST, B, Customer, X};

/// Sends a good request with one field changed, and expects 1010002 with these words.
async fn assert_named(
    app: &Customer,
    method: &str,
    target: &str,
    good: &Value,
    cases: &[(&str, Value, &str)],
) {
    for (field, bad, words) in cases {
        let mut body = good.clone();
        body[*field] = bad.clone();
        let answer = app.ask(method, target, body.to_string().as_bytes()).await;
        assert_eq!(answer.code(), (403, "1010002".into()), "{method} {target} {field} {bad}");
        assert_eq!(
            answer.member("resultdesc"),
            format!("Invalid request.{words}"),
            "{method} {target} {field}"
        );
    }
}

const TONE: &str = "must be at most 128 letters, digits and -_.@ .";

#[tokio::test]
async fn a_field_of_axb_out_of_its_range_is_refused_by_its_name() {
    let (_world, app) = recorder("AXB").await;
    let tone = |field: &str| format!("{field} {TONE}");
    let [record_hint, last_minute] = ["recordHintTone", "lastMinVoice"].map(tone);
    let caller_hint = tone("callerHintTone");
    let common: Vec<(&str, Value, &str)> = vec![
        ("callerNum", json!("13800000001"), "callerNum: a number starts with + and the country code."),
        ("calleeNum", json!("+86138x"), "calleeNum: a number has only digits after the +, the first not 0."),
        ("calleeNum", json!(A), "callerNum and calleeNum must not be equal."),
        ("callerNum", json!(X), "A party must not be a private number."),
        ("callDirection", json!(3), "callDirection must be 0 to 2."),
        ("duration", json!(7_776_001), "duration must be 0 to 7776000."),
        ("recordFlag", json!("maybe"), "recordFlag must be true or false."),
        ("recordHintTone", json!("a/b"), &record_hint),
        ("maxDuration", json!(1_441), "maxDuration must be 0 to 1440."),
        ("lastMinVoice", json!("é"), &last_minute),
        ("privateSms", json!(2), "privateSms must be true or false."),
        ("preVoice", json!("a.wav"), "preVoice must be an object."),
        ("preVoice", json!({"callerHintTone": "a b"}), &caller_hint),
        ("userData", json!("x".repeat(257)), "userData has more than 256 characters."),
    ];
    let bind = json!({"callerNum": A, "calleeNum": B, "relationNum": X});
    assert_named(&app, "POST", AXB, &bind, &common).await;
    let choice = [
        ("areaCode", json!("Shenzhen"), "areaCode must be a city code with its leading 0, for example 0755."),
        ("areaMatchMode", json!(2), "areaMatchMode must be 0 to 1."),
    ];
    assert_named(&app, "POST", AXB, &json!({"callerNum": A, "calleeNum": B, "areaCode": "0755"}), &choice)
        .await;
    let missing = [
        ("callerNum", Value::Null, "callerNum is missing."),
        ("calleeNum", Value::Null, "calleeNum is missing."),
    ];
    assert_named(&app, "POST", AXB, &bind, &missing).await;
    let id = app.bind_axb(X, A, B).await;
    assert_named(&app, "PUT", AXB, &json!({"subscriptionId": id}), &common[4..]).await;
    assert_named(&app, "PUT", AXB, &json!({"subscriptionId": id}), &[("calleeNum", json!(A), common[2].2)])
        .await;
    let nothing = [("subscriptionId", Value::Null, "subscriptionId is missing.")];
    assert_named(&app, "PUT", AXB, &json!({"userData": "u"}), &nothing).await;
}

#[tokio::test]
async fn a_field_of_ax_out_of_its_range_is_refused_by_its_name() {
    let (_world, app) = recorder("AX").await;
    let record_hint = format!("recordHintTone {TONE}");
    let callee_hint = format!("calleeHintTone {TONE}");
    let last_minute = format!("lastMinVoice {TONE}");
    let common: Vec<(&str, Value, &str)> = vec![
        ("origNum", json!("13800000001"), "origNum: a number starts with + and the country code."),
        ("origNum", json!(X), "A party must not be a private number."),
        ("recordFlag", json!("maybe"), "recordFlag must be true or false."),
        ("recordHintTone", json!("a/b"), &record_hint),
        ("privateSms", json!(2), "privateSms must be true or false."),
        ("preVoice", json!({"calleeHintTone": "a b"}), &callee_hint),
        ("maxDuration", json!(-1), "maxDuration must be 0 to 1440."),
        ("lastMinVoice", json!("é"), &last_minute),
        ("callDirection", json!("both"), "callDirection must be 0 to 2."),
        ("turnFlag", json!("perhaps"), "turnFlag must be on or off."),
        ("userData", json!(7), "userData must be a string."),
    ];
    let bind = json!({"origNum": A, "privateNum": X});
    assert_named(&app, "POST", AX, &bind, &common).await;
    let choice = [
        ("calleeNumDisplay", json!("2"), "calleeNumDisplay must be 0 to 1."),
        ("origNum", Value::Null, "origNum is missing."),
        ("privateNum", Value::Null, "Give privateNum, or areaCode with privateNumType."),
    ];
    assert_named(&app, "POST", AX, &bind, &choice).await;
    let by_area = json!({"origNum": A, "areaCode": "0755", "privateNumType": "mobile-virtual"});
    let choice = [
        ("privateNumType", json!("landline"), "privateNumType must be mobile-virtual."),
        ("areaCode", json!("7"), "areaCode must be a city code with its leading 0, for example 0755."),
        ("areaMatchMode", json!("2"), "areaMatchMode must be 0 to 1."),
    ];
    assert_named(&app, "POST", AX, &by_area, &choice).await;
    let id = app.bind_ax(X, A).await;
    assert_named(&app, "PUT", AX, &json!({"subscriptionId": id}), &common).await;
    let callee = [
        ("calleeNum", Value::Null, "calleeNum is missing."),
        ("calleeNum", json!(A), "origNum and calleeNum must not be equal."),
        ("calleeNum", json!(X), "A party must not be a private number."),
        ("duration", json!(0), "duration must be 1 to 259200."),
        ("duration", json!(259_201), "duration must be 1 to 259200."),
        ("userData", json!("x".repeat(257)), "userData has more than 256 characters."),
        ("privateNum", Value::Null, "Give subscriptionId, privateNum or origNum."),
    ];
    assert_named(&app, "PUT", AX_CALLEE, &json!({"privateNum": X, "calleeNum": B}), &callee).await;
}

#[tokio::test]
async fn a_field_of_axe_out_of_its_range_is_refused_by_its_name() {
    let (_world, app) = recorder("AXE").await;
    let both = "bindExpiredTime and callbackExpiredTime must be at most 720 hours or 43200 minutes.";
    let [record_hint, callback] = ["recordHintTone", "callbackTone"].map(|field| format!("{field} {TONE}"));
    let common: Vec<(&str, Value, &str)> = vec![
        ("timeUnit", json!("2"), "timeUnit must be 0 to 1."),
        ("bindExpiredTime", json!(721), both),
        ("callbackExpiredTime", json!(721), both),
        ("callbackTone", json!("a b"), &callback),
        ("callbackNum", json!("10086"), "callbackNum: a number starts with + and the country code."),
        ("displayNumMode", json!(2), "displayNumMode must be 0 to 1."),
        ("recordFlag", json!("maybe"), "recordFlag must be true or false."),
        ("recordHintTone", json!("a/b"), &record_hint),
        ("userData", json!("x".repeat(257)), "userData has more than 256 characters."),
    ];
    let bind = json!({"bindNum": A, "virtualNum": X, "timeUnit": 0});
    assert_named(&app, "POST", AXE, &bind, &common).await;
    let choice = [
        ("bindNum", Value::Null, "bindNum is missing."),
        ("virtualNum", Value::Null, "Give virtualNum or areaCode."),
        ("extendNum", json!("42"), "extendNum must be 0001 to 9999."),
        ("callbackNum", json!(A), "bindNum and callbackNum must not be equal."),
    ];
    assert_named(&app, "POST", AXE, &bind, &choice).await;
    let by_area = json!({"bindNum": A, "areaCode": "0755"});
    let choice = [
        ("areaCode", json!("x"), "areaCode must be a city code with its leading 0, for example 0755."),
        ("areaMatchMode", json!(2), "areaMatchMode must be 0 to 1."),
    ];
    assert_named(&app, "POST", AXE, &by_area, &choice).await;
    let id = app.post(AXE, &bind).await.member("subscriptionId");
    assert_named(&app, "PUT", AXE, &json!({"subscriptionId": id, "timeUnit": 0}), &common).await;
    let page = format!("virtualNum={}&cursor=1", X.replace('+', "%2B"));
    let answer = app.get(AXE_LIST, &page).await;
    assert_eq!(
        answer.member("resultdesc"),
        "Invalid request.cursor must be 13 digits, _ and 1 to 20 digits."
    );
}
