//! What the customer answers, and what is wrong with it.

use serde_json::{Value, json};

use super::{OTHER_X, answers, ask, connect, shown, xmode};
use crate::tones::approved;
use crate::world::{A, AX, B, Reaction, STATUS, X};

/// A reply that ends the call with 8014, and the words for it.
fn unusable() -> Vec<(Value, &'static str)> {
    vec![
        (connect(&json!({"maxDuration": 7200})), "connectInfo.maxDuration must be 0 to 1440"),
        (connect(&json!({"calleeNum": ""})), "connectInfo.calleeNum is missing"),
        (connect(&json!({"calleeNum": "13800000002"})), "connectInfo.calleeNum: a number starts with +"),
        (
            connect(&json!({"calleeNum": OTHER_X})),
            "connectInfo.calleeNum +86170****0002 is an X number, not a telephone",
        ),
        (connect(&json!({"recordFlag": "sometimes"})), "connectInfo.recordFlag must be true or false"),
        (connect(&json!({"userData": "x".repeat(257)})), "connectInfo.userData has more than 256 characters"),
        (json!({"operation": "connect"}), "connectInfo is missing"),
        (
            json!({"operation": "connect", "connectInfo": []}),
            "connectInfo must be an object, or an array of one",
        ),
        (json!({"operation": "hold"}), "operation must be connect or close, not hold"),
        (json!({"resultcode": "0"}), "operation is missing"),
        (json!("OK"), "The body must be a JSON object"),
    ]
}

#[tokio::test]
async fn a_reply_that_cannot_be_used_ends_the_call_and_says_which_member_it_is() {
    let (world, _) = xmode(&Value::Null).await;
    for (n, (reply, words)) in unusable().into_iter().enumerate() {
        answers(&world, &reply);
        let (decision, _) = ask(&world, &format!("c-{n}")).await;
        assert_eq!(
            (&decision["action"], &decision["stateCode"]),
            (&json!("reject"), &json!(8014)),
            "{reply}"
        );
        let reason = decision["reason"].as_str().unwrap();
        let beginning = "the app's answer about the call to +86170****0001 cannot be used: ";
        assert!(reason.starts_with(&format!("{beginning}{words}")), "{reason}");
        let call = shown(&world, &decision).await;
        assert_eq!(call["decision"]["cause"], "replyUnusable", "{call}");
        assert_eq!(call["decision"]["reason"], reason);
        assert!(call["question"]["failure"].as_str().unwrap().starts_with(words), "{call}");
    }
}

#[tokio::test]
async fn an_array_of_one_and_the_other_spellings_are_read_as_the_documented_form() {
    let (world, _) = xmode(&Value::Null).await;
    let info = json!({"calleeNum": B, "maxDuration": "2", "recordFlag": 0, "waitVoice": null, "other": 1});
    answers(&world, &json!({"operation": "connect", "connectInfo": [info]}));
    let (decision, _) = ask(&world, "c").await;
    assert_eq!((&decision["callee"], &decision["maxDuration"]), (&json!(B), &json!(120)));
}

#[tokio::test]
async fn a_callee_is_shown_the_dialled_x_unless_another_x_of_the_app_is_named() {
    let (world, _) = xmode(&Value::Null).await;
    let stranger = world.app("AX", &Value::Null).await;
    world.number(&stranger, "+8617000000003").await;
    for (n, (display, expected)) in
        [(OTHER_X, OTHER_X), (X, X), (A, X), ("+8617000000003", X), ("", X)].into_iter().enumerate()
    {
        answers(&world, &connect(&json!({"displayCalleeNum": display})));
        let (decision, _) = ask(&world, &format!("c-{n}")).await;
        assert_eq!(decision["displayNum"], expected, "{display}");
    }
    let bind = stranger.post(AX, &json!({"origNum": A, "privateNum": "+8617000000003"})).await;
    assert_eq!(bind.code().1, "0");
    answers(&world, &connect(&json!({"calleeNum": "+8617000000003"})));
    let (decision, _) = ask(&world, "lent").await;
    assert_eq!(decision["stateCode"], 8014, "another app's X is no telephone either");
}

#[tokio::test]
async fn recording_is_asked_of_the_switch_only_for_an_app_that_has_it() {
    let (world, app) = xmode(&Value::Null).await;
    answers(&world, &connect(&json!({"recordFlag": true, "recordHintTone": "r.wav"})));
    let (decision, _) = ask(&world, "without").await;
    assert_eq!((&decision["recordFlag"], &decision["recordTone"]), (&json!(0), &json!("")));
    world.change_app(&app, &json!({"recording": true})).await;
    let (decision, _) = ask(&world, "with").await;
    assert_eq!((&decision["recordFlag"], &decision["recordTone"]), (&json!(1), &json!("r.wav")));
}

#[tokio::test]
async fn a_tone_that_the_app_does_not_have_ends_the_call_with_8006_if_its_tones_are_checked() {
    let (world, app) = xmode(&json!({"checkTones": true})).await;
    answers(&world, &connect(&json!({"waitVoice": "wait.wav"})));
    let (decision, _) = ask(&world, "missing").await;
    assert_eq!(decision["stateCode"], 8006, "{decision}");
    let reason = decision["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("connectInfo.waitVoice: the app has no approved tone file wait.wav"),
        "{reason}"
    );
    approved(&world, &app, "wait.wav").await;
    let (decision, _) = ask(&world, "there").await;
    assert_eq!((&decision["action"], &decision["callerTone"]), (&json!("connect"), &json!("wait.wav")));
}

#[tokio::test]
async fn a_status_that_is_no_success_of_the_app_is_no_answer() {
    let (world, app) = xmode(&Value::Null).await;
    for (n, (status, words)) in
        [(201, "answered 201, expected 200"), (500, "answered 500, expected 200"), (204, "answered 204")]
            .into_iter()
            .enumerate()
    {
        world.receiver.react(STATUS, Reaction::Answer(status, r#"{"operation":"close"}"#));
        let (decision, _) = ask(&world, &format!("c-{n}")).await;
        assert_eq!(decision["stateCode"], 8014);
        let reason = decision["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{reason}");
        assert_eq!(shown(&world, &decision).await["decision"]["cause"], "noReply");
    }
    world.change_app(&app, &json!({"acceptAny2xx": true})).await;
    world.receiver.react(STATUS, Reaction::Answer(201, r#"{"operation":"close"}"#));
    assert_eq!(ask(&world, "any").await.0["stateCode"], 8017);
}
