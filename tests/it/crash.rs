//! `kill -9` in the middle of a bind storm: what was acknowledged is there after the restart.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use privnum::app::Gateway;
use privnum::cli::sign::{Options, SchemeWord, headers};
use privnum::clock::Clock;
use privnum::config::Config;
use privnum::domain::customer::{
    AppSecret, CallbackUrls, CustomerApp, Mode, NumberRecord, NumberStatus, SignaturePolicy,
};
use privnum::domain::id::{AppKey, AppNo};
use privnum::domain::number::{E164, XNumber};
use privnum::domain::signature::Scheme;
use privnum::domain::whitelist::IpWhitelist;
use privnum::engine::job::SettingChange;

const CONFIG: &str = "[listen]\ncustomer = \"127.0.0.1:0\"\nswitch = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
    [store]\nkind = \"embedded\"\ndir = \"data\"\n[operator]\ntoken = \"operator-token-of-a-test\"\n\
    [switch]\ntoken = \"switch-token-of-a-test\"\n";
const KEY: &str = "crashTestKey";
const SECRET: &str = "crashTestSecret";
const X: u64 = 8_617_000_000_001;
const CLIENTS: u64 = 8;
const BINDS_BEFORE_THE_KILL: usize = 300;

fn app() -> CustomerApp {
    CustomerApp {
        no: AppNo(0),
        key: AppKey::new(KEY).unwrap(),
        name: "crash".into(),
        mode: Mode::Axb,
        secret: AppSecret::new(SECRET),
        previous_secret: None,
        ip_whitelist: IpWhitelist::default(),
        recording: false,
        sms: false,
        urls: CallbackUrls::default(),
        push_number_status: false,
        extension_digits: 4,
        flow_limit_per_second: None,
        suspended: false,
        signatures: SignaturePolicy::default(),
        push_scheme: Scheme::Wsse,
        accept_any_2xx: false,
        created_at: Clock::system().now(),
    }
}

/// Makes the app and its number in the data folder that the binary will open.
async fn prepare(dir: &Path) {
    std::fs::write(dir.join("privnum.toml"), CONFIG).unwrap();
    let gateway = Gateway::start(&Config::parse(CONFIG, dir).unwrap(), Clock::system()).await.unwrap();
    gateway.engine().change("test", SettingChange::CreateApp(Box::new(app()))).await.unwrap().unwrap();
    let number = NumberRecord {
        x: XNumber::new(E164::from_word(X).unwrap()),
        app: AppNo(1),
        area: None,
        sms: false,
        status: NumberStatus::Normal,
        added_at: Clock::system().now(),
    };
    gateway.engine().change("test", SettingChange::AddNumbers(vec![number])).await.unwrap().unwrap();
    gateway.stop().await;
}

/// Starts the real binary. Returns it with the address of its customer listener.
fn serve(dir: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privnum"))
        .args(["serve", "--config"])
        .arg(dir.join("privnum.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("customer=").nth(1).unwrap().split(' ').next().unwrap();
    (child, format!("http://{address}/rest/caas/relationnumber/partners/v1.0"))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}

fn signed(mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let options = Options {
        key: KEY.into(),
        secret: SECRET.into(),
        scheme: SchemeWord::Wsse,
        nonce: None,
        created: None,
    };
    for line in headers(&options).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request
}

/// Binds pairs of its own until the gateway is gone. Sends the id of each bind that was acknowledged.
async fn storm(url: String, which: u64, acknowledged: tokio::sync::mpsc::Sender<String>) {
    let client = client();
    for n in 0..500 {
        let a = 13_800_000_000 + (which * 500 + n) * 2;
        let body =
            format!("{{\"callerNum\":\"+86{a}\",\"calleeNum\":\"+86{}\",\"relationNum\":\"+{X}\"}}", a + 1);
        let Ok(answer) = signed(client.post(&url).body(body)).send().await else { return };
        let Ok(answer) = answer.text().await else { return };
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["resultcode"], "0", "{answer}");
        if acknowledged.send(answer["subscriptionId"].as_str().unwrap().to_owned()).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bind_that_was_acknowledged_survives_kill_9() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).await;
    let (mut child, url) = serve(dir.path());
    let (send, mut acknowledged) = tokio::sync::mpsc::channel(10_000);
    let storms: Vec<_> =
        (0..CLIENTS).map(|which| tokio::spawn(storm(url.clone(), which, send.clone()))).collect();
    drop(send);
    let mut known = Vec::new();
    while let Some(id) = acknowledged.recv().await {
        known.push(id);
        if known.len() == BINDS_BEFORE_THE_KILL {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    for storm in storms {
        storm.await.unwrap();
    }
    assert!(known.len() >= BINDS_BEFORE_THE_KILL);

    let (mut child, url) = serve(dir.path());
    let client = client();
    for id in &known {
        let answer = signed(client.get(format!("{url}?subscriptionId={id}"))).send().await.unwrap();
        let answer = answer.text().await.unwrap();
        assert!(answer.contains("\"resultcode\":\"0\""), "{id}: {answer}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
