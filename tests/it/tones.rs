//! Tone files: uploaded and approved by an operator, named by customers, fetched by the switch.

use serde_json::{Value, json};

use crate::world::http::{Answer, exchange, request};
use crate::world::{A, AX, AX_CALLEE, AXB, AXE, B, Customer, Operator, Switch, World, X};

/// A WAV file of so many bytes of A-law sound.
fn wav(sound: usize) -> Vec<u8> {
    let length = u32::try_from(sound).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x06\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(8_000_u32.to_le_bytes());
    file.extend(b"\x01\0\x08\0data");
    file.extend(length.to_le_bytes());
    file.resize(44 + sound, 0xd5);
    file
}

async fn upload(world: &World, app: &Customer, name: &str, file: &[u8]) -> Answer {
    let path = format!("/operator/v1/apps/{}/tones/{name}", app.key);
    exchange(world.operator().address(), request("PUT", &path, &Operator::headers(), file)).await
}

async fn ask(world: &World, app: &Customer, method: &str, path: &str) -> Answer {
    world.operator().ask(method, &format!("apps/{}/tones{path}", app.key), &Value::Null).await
}

pub async fn approved(world: &World, app: &Customer, name: &str) {
    assert_eq!(upload(world, app, name, &wav(800)).await.status, 200);
    assert_eq!(ask(world, app, "POST", &format!("/{name}/approve")).await.status, 200);
}

/// What the switch gets for a tone.
async fn played(world: &World, app: &Customer, name: &str) -> Answer {
    let path = format!("/switch/v1/tones/{}/{name}", app.key);
    exchange(world.switch().address(), request("GET", &path, &Switch::headers(), b"")).await
}

#[tokio::test]
async fn a_tone_is_played_once_it_is_approved_and_until_it_is_rejected_replaced_or_removed() {
    let (mut world, app) = World::axb().await;
    let made = upload(&world, &app, "hint-1_a@x.wav", &wav(8_000)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let shown = json!({"name": "hint-1_a@x.wav", "state": "pending", "bytes": 8_044,
        "sha256": made.member("sha256"), "uploadedAt": "2026-01-02T03:04:05.000Z", "decidedAt": null});
    assert_eq!(made.json(), shown);
    assert_eq!(ask(&world, &app, "GET", "").await.json(), json!({"items": [shown], "nextCursor": null}));
    assert_eq!(played(&world, &app, "hint-1_a@x.wav").await.status, 404, "nobody has approved it");

    let decided = ask(&world, &app, "POST", "/hint-1_a%40x.wav/approve").await.json();
    assert_eq!((&decided["state"], &decided["decidedAt"]), (&json!("approved"), &shown["uploadedAt"]));
    world.stop().await;
    world.start_again().await;
    for name in ["hint-1_a@x.wav", "hint-1_a%40x.wav"] {
        let sound = played(&world, &app, name).await;
        assert_eq!((sound.status, sound.header("Content-Type")), (200, Some("audio/wav")));
        assert_eq!(sound.body, wav(8_000));
    }

    let again = upload(&world, &app, "hint-1_a@x.wav", &wav(8_000)).await;
    assert_eq!(again.member("state"), "approved", "the same file again changes nothing");
    let other = upload(&world, &app, "hint-1_a@x.wav", &wav(16)).await;
    assert_eq!(other.member("state"), "pending", "nobody has heard this one");
    assert_eq!(played(&world, &app, "hint-1_a@x.wav").await.status, 404);
    assert_eq!(ask(&world, &app, "GET", "/hint-1_a@x.wav/content").await.body, wav(16));
    ask(&world, &app, "POST", "/hint-1_a@x.wav/approve").await;
    assert_eq!(played(&world, &app, "hint-1_a@x.wav").await.body, wav(16));
    ask(&world, &app, "POST", "/hint-1_a@x.wav/reject").await;
    assert_eq!(played(&world, &app, "hint-1_a@x.wav").await.status, 404);
    assert_eq!(ask(&world, &app, "DELETE", "/hint-1_a@x.wav").await.status, 204);
    assert_eq!(ask(&world, &app, "GET", "").await.json()["items"], json!([]));
    let actions = world.operator().ask("GET", "audit?limit=7", &Value::Null).await.json();
    let actions: Vec<_> =
        actions["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = ["remove", "reject", "approve", "upload", "approve", "upload"];
    assert_eq!(actions[..6], expected.map(|verb| format!("tone.{verb}")));
    assert_eq!(actions[6], "number.add");
}

#[tokio::test]
async fn what_is_no_tone_or_not_there_is_refused_with_its_code() {
    let (world, app) = World::axb().await;
    let code = |answer: &Answer| (answer.status, answer.json()["error"]["code"].as_str().unwrap().to_owned());
    let mut linear = wav(16);
    linear[20] = 1;
    let refused = upload(&world, &app, "a.wav", &linear).await;
    assert_eq!(code(&refused), (400, "invalid_request".into()));
    assert_eq!(
        refused.json()["error"]["message"],
        "the file must be G.711 A-law (WAV format 6), not format 1"
    );
    assert_eq!(code(&upload(&world, &app, "a.wav", b"").await), (400, "invalid_request".into()));
    let named = upload(&world, &app, "a%20b.wav", &wav(16)).await;
    assert_eq!(
        (code(&named), &named.json()["error"]["field"]),
        ((400, "invalid_request".into()), &json!("name"))
    );
    let large = upload(&world, &app, "a.wav", &wav(2 * 1_048_576)).await;
    assert_eq!(code(&large), (413, "too_large".into()));
    let nobody = world.operator().ask("GET", "apps/nobody/tones", &Value::Null).await;
    assert_eq!(code(&nobody), (404, "app_not_found".into()));
    for (method, path) in [
        ("GET", "/none.wav"),
        ("GET", "/none.wav/content"),
        ("POST", "/none.wav/approve"),
        ("POST", "/none.wav/reject"),
        ("DELETE", "/none.wav"),
    ] {
        assert_eq!(
            code(&ask(&world, &app, method, path).await),
            (404, "tone_not_found".into()),
            "{method}{path}"
        );
    }
    assert_eq!(code(&ask(&world, &app, "GET", "?limt=1").await), (400, "invalid_request".into()));
    assert_eq!(ask(&world, &app, "GET", "").await.json()["items"], json!([]));
}

#[tokio::test]
async fn the_switch_needs_its_token_and_finds_only_the_tones_of_the_app_it_names() {
    let (world, app) = World::axb().await;
    let other = world.app("AXB", &Value::Null).await;
    approved(&world, &app, "a.wav").await;
    assert_eq!(played(&world, &app, "a.wav").await.status, 200);
    assert_eq!(played(&world, &other, "a.wav").await.status, 404);
    let path = format!("/switch/v1/tones/{}/a.wav", app.key);
    let stranger = exchange(world.switch().address(), request("GET", &path, &[], b"")).await;
    assert_eq!(stranger.status, 401);
    for path in ["", "/a.wav/more", "/%FF"] {
        let path = format!("/switch/v1/tones/{}{path}", app.key);
        let answer = exchange(world.switch().address(), request("GET", &path, &Switch::headers(), b"")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_list_of_tones_is_paged_in_the_order_of_names() {
    let (world, app) = World::axb().await;
    for name in ["c.wav", "a.wav", "b.wav"] {
        upload(&world, &app, name, &wav(16)).await;
    }
    let page = ask(&world, &app, "GET", "?limit=2").await.json();
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&page), ["a.wav", "b.wav"]);
    let rest = format!("?limit=2&cursor={}", page["nextCursor"].as_str().unwrap());
    let rest = ask(&world, &app, "GET", &rest).await.json();
    assert_eq!((names(&rest), &rest["nextCursor"]), (vec!["c.wav".to_owned()], &Value::Null));
}

#[tokio::test]
async fn a_bind_that_names_a_tone_the_app_has_not_approved_is_refused_only_if_tones_are_checked() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "lastMinVoice": "lastMinVoice.wav",
        "maxDuration": 5});
    let bound = app.post(AXB, &body).await;
    assert_eq!(bound.code().1, "0", "customers move over before their tones do");
    let unbind = format!("subscriptionId={}", bound.member("subscriptionId"));
    assert_eq!(app.delete(AXB, &unbind).await.code().1, "0");

    world.change_app(&app, &json!({"checkTones": true})).await;
    upload(&world, &app, "lastMinVoice.wav", &wav(16)).await;
    let refused = app.post(AXB, &body).await;
    assert_eq!(refused.code(), (403, "1010002".into()));
    assert_eq!(refused.member("resultdesc"), "Invalid request.lastMinVoice.wav does not exist.");
    let mut on_behalf = body.clone();
    on_behalf["appKey"] = json!(app.key);
    let on_behalf = world.operator().ask("POST", "bindings", &on_behalf).await.json();
    assert_eq!(on_behalf["error"]["message"], "Invalid request.lastMinVoice.wav does not exist.");

    ask(&world, &app, "POST", "/lastMinVoice.wav/approve").await;
    let bound = app.post(AXB, &body).await;
    assert_eq!(bound.code().1, "0");
    let id = bound.member("subscriptionId");
    for (member, tone) in [
        ("recordHintTone", json!("record.wav")),
        ("preVoice", json!({"callerHintTone": "record.wav"})),
        ("preVoice", json!({"calleeHintTone": "record.wav"})),
    ] {
        let refused = app.put(AXB, &json!({"subscriptionId": id, member: tone})).await;
        assert_eq!(refused.member("resultdesc"), "Invalid request.record.wav does not exist.", "{member}");
    }
    let cleared = app.put(AXB, &json!({"subscriptionId": id, "lastMinVoice": ""})).await;
    assert_eq!(cleared.code().1, "0", "no tone is none to check");
}

#[tokio::test]
async fn an_ax_bind_is_checked_in_the_same_way() {
    let (world, app) = World::ax().await;
    world.change_app(&app, &json!({"checkTones": true})).await;
    let body = json!({"origNum": A, "privateNum": X, "preVoice": {"calleeHintTone": "hello.wav"}});
    let refused = app.post(AX, &body).await;
    assert_eq!(refused.member("resultdesc"), "Invalid request.hello.wav does not exist.");
    approved(&world, &app, "hello.wav").await;
    assert_eq!(app.post(AX, &body).await.code().1, "0");
    let refused = app.put(AX, &json!({"privateNum": X, "recordHintTone": "record.wav"})).await;
    assert_eq!(refused.member("resultdesc"), "Invalid request.record.wav does not exist.");
}

#[tokio::test]
async fn the_tone_of_an_axe_callback_is_checked_and_named_with_its_app() {
    let (world, app) = World::one_app("AXE", "").await;
    world.change_app(&app, &json!({"checkTones": true, "noCalleeTone": "whom.wav"})).await;
    let body = json!({"bindNum": A, "virtualNum": X, "extendNum": "0042", "callbackTone": "busy.wav"});
    let refused = app.post(AXE, &body).await;
    assert_eq!(refused.member("resultdesc"), "Invalid request.busy.wav does not exist.");
    approved(&world, &app, "busy.wav").await;
    assert_eq!(app.post(AXE, &body).await.code().1, "0");
    let selector = json!({"virtualNum": X, "extendNum": "0042", "callbackTone": "other.wav"});
    let refused = app.put(AXE, &selector).await;
    assert_eq!(refused.member("resultdesc"), "Invalid request.other.wav does not exist.");
    let route = world.switch().route("nobody called", A, X).await;
    assert_eq!((&route["tone"], &route["appKey"]), (&json!("busy.wav"), &json!(app.key)));
}

#[tokio::test]
async fn a_route_that_names_a_tone_says_whose_it_is() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    assert_eq!(world.switch().route("without", A, X).await.get("appKey"), None);
    let id = world.switch().route("without", A, X).await["subscriptionId"].clone();
    app.put(AXB, &json!({"subscriptionId": id, "preVoice": {"callerHintTone": "hello.wav"}})).await;
    let route = world.switch().route("with", A, X).await;
    assert_eq!((&route["callerTone"], &route["appKey"]), (&json!("hello.wav"), &json!(app.key)));
    assert_eq!(world.switch().route("other way", B, X).await.get("appKey"), None);
}

#[tokio::test]
async fn a_refused_caller_hears_the_tone_that_the_app_has_for_it() {
    let (world, app) = World::ax().await;
    let heard = async |call: &str, caller: &str| {
        let route = world.switch().route(call, caller, X).await;
        assert_eq!(route["action"], "reject");
        (route["stateCode"].as_u64().unwrap(), route["tone"].clone(), route.get("appKey").cloned())
    };
    assert_eq!(heard("none set", A).await, (8018, json!(""), None));
    world.change_app(&app, &json!({"noBindingTone": "nobody.wav", "noCalleeTone": "whom.wav"})).await;
    let with = |tone: &str| (json!(tone), Some(json!(app.key)));
    let (nobody, whom) = (with("nobody.wav"), with("whom.wav"));
    assert_eq!(heard("nothing bound", A).await, (8018, nobody.0, nobody.1));
    assert_eq!(app.post(AX, &json!({"origNum": A, "privateNum": X})).await.status, 200);
    assert_eq!(heard("no callee", A).await, (8013, whom.0.clone(), whom.1.clone()));
    app.put(AX_CALLEE, &json!({"privateNum": X, "calleeNum": B, "duration": 1})).await;
    world.advance(std::time::Duration::from_secs(2)).await;
    assert_eq!(heard("too late", A).await, (8019, whom.0, whom.1));
    assert_eq!(
        heard("withheld", "anonymous").await,
        (8014, json!(""), None),
        "that is not for want of a binding"
    );
}
