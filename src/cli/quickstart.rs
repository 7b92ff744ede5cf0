//! `privnum quickstart`: the main job with no configuration. A gateway, a customer, a switch and a callback
//! receiver in one process; bind and call go through the real listeners over real sockets.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::sign::{self, SchemeWord};
use super::{complain, say};
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::customer::{
    AppSecret, CallbackUrls, CustomerApp, Mode, NumberRecord, NumberStatus, SignaturePolicy,
};
use crate::domain::id::{AppKey, AppNo};
use crate::domain::number::{E164, XNumber};
use crate::domain::signature::Scheme;
use crate::domain::whitelist::IpWhitelist;
use crate::engine::job::SettingChange;
use crate::engine::random;
use crate::http::{Limits, Refusal, Reply, Request, RequestIds, Server, Service};
use crate::wire::time_text::format_rfc3339_millis;

/// How long one callback may take to arrive before the demonstration counts as failed.
const CALLBACK_WAIT: Duration = Duration::from_secs(15);
/// X numbers of the demo app: +8617000000001 and the 19 after it.
const FIRST_X: u64 = 8_617_000_000_001;
const X_COUNT: u64 = 20;

/// Options of the quickstart.
#[derive(Debug, Args)]
pub struct Options {
    /// Keep the data here instead of in a folder that is removed at the end.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Stop after the demonstration; the exit code tells whether it worked.
    #[arg(long)]
    pub once: bool,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Runs the demonstration.
pub async fn run(options: Options) -> ExitCode {
    match demonstrate(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("the demonstration failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(options: &Options) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("privnum-quickstart-{}", random::app_key()));
    let dir = options.data_dir.clone().unwrap_or_else(|| scratch.clone());
    std::fs::create_dir_all(&dir)?;
    let outcome = in_dir(&dir, options.once).await;
    if options.data_dir.is_none() {
        drop(std::fs::remove_dir_all(&scratch));
    }
    outcome
}

async fn in_dir(dir: &Path, once: bool) -> Result<(), Failed> {
    let token = random::app_secret();
    let gateway = Gateway::start(&config(dir, &token)?, Clock::system()).await?;
    let (arrived, mut callbacks) = mpsc::channel(64);
    let receiver = start_receiver(arrived).await?;
    let app = make_app(&gateway, receiver).await?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;

    say("1. The customer binds +8613800000001 and +8613800000002 to an X number of area 0755.");
    let x = bind(&client, &gateway, &app).await?;
    say("\n2. +8613800000001 dials X; the switch asks where the call goes and reports what happens.");
    call(&client, &gateway, &token, &x).await?;
    say("\n3. The customer's callback URL receives five events and the CDR:");
    for _ in 0..6 {
        let (path, body) = tokio::time::timeout(CALLBACK_WAIT, callbacks.recv())
            .await
            .map_err(|_| "a callback did not arrive")?
            .ok_or("the receiver stopped")?;
        say(&format!("   POST {path}\n   {body}"));
    }
    print_addresses(&gateway, &app, &token, &x)?;
    if !once {
        say("\nServing until you press Ctrl-C.");
        let printer = async {
            while let Some((path, body)) = callbacks.recv().await {
                say(&format!("   POST {path}\n   {body}"));
            }
        };
        tokio::select! { () = printer => {}, stopped = tokio::signal::ctrl_c() => stopped? }
    }
    gateway.stop().await;
    Ok(())
}

fn config(dir: &Path, token: &str) -> Result<Config, Failed> {
    let text = format!(
        "[listen]\ncustomer = \"127.0.0.1:0\"\nswitch = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
         [store]\nkind = \"embedded\"\ndir = \"data\"\n[operator]\ntoken = \"{token}\"\n[switch]\ntoken = \"{token}\"\n\
         [callback]\nallow_networks = [\"127.0.0.0/8\"]\n"
    );
    Ok(Config::parse(&text, dir)?)
}

/// A fresh demo app; its X numbers come to it also when an earlier run with the same data had them.
async fn make_app(gateway: &Gateway, receiver: String) -> Result<CustomerApp, Failed> {
    let (key, secret) = (random::app_key(), random::app_secret());
    let url = |path: &str| Some(format!("{receiver}{path}").into());
    let app = CustomerApp {
        no: AppNo(0),
        key: AppKey::new(&key).ok_or("an app key of letters and digits")?,
        name: "quickstart".into(),
        mode: Mode::Axb,
        secret: AppSecret::new(&secret),
        previous_secret: None,
        ip_whitelist: IpWhitelist::default(),
        recording: false,
        sms: false,
        urls: CallbackUrls { call_status: url("/status"), cdr: url("/fee"), ..CallbackUrls::default() },
        push_number_status: true,
        extension_digits: 4,
        flow_limit_per_second: None,
        suspended: false,
        signatures: SignaturePolicy::default(),
        push_scheme: Scheme::Wsse,
        accept_any_2xx: false,
        created_at: Clock::system().now(),
    };
    let engine = gateway.engine();
    engine.change("quickstart", SettingChange::CreateApp(Box::new(app.clone()))).await??;
    let no = engine.shared().registry.customers.by_key(&key).ok_or("the app was not made")?.no;
    let xs: Vec<_> = (FIRST_X..FIRST_X + X_COUNT).filter_map(E164::from_word).map(XNumber::new).collect();
    let record = |&x: &XNumber| NumberRecord {
        x,
        app: no,
        area: crate::domain::area::AreaCode::parse("0755"),
        sms: true,
        status: NumberStatus::Normal,
        added_at: Clock::system().now(),
    };
    let added =
        engine.change("quickstart", SettingChange::AddNumbers(xs.iter().map(record).collect())).await??;
    for fault in added {
        engine.change("quickstart", SettingChange::MoveNumber { x: fault.x, to: no, force: true }).await??;
    }
    Ok(CustomerApp { no, ..app })
}

async fn bind(client: &reqwest::Client, gateway: &Gateway, app: &CustomerApp) -> Result<String, Failed> {
    let body =
        r#"{"callerNum":"+8613800000001","calleeNum":"+8613800000002","areaCode":"0755","duration":3600}"#;
    let mut request =
        client.post(format!("http://{}/rest/caas/relationnumber/partners/v1.0", gateway.customer));
    for line in signed(app).lines() {
        let (name, value) = line.split_once(": ").ok_or("a header line")?;
        request = request.header(name, value);
    }
    let answer = request.header("Content-Type", "application/json").body(body).send().await?.text().await?;
    say(&format!("   {body}\n   {answer}"));
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    Ok(answer["relationNum"].as_str().ok_or("the bind was refused")?.to_owned())
}

async fn call(client: &reqwest::Client, gateway: &Gateway, token: &str, x: &str) -> Result<(), Failed> {
    let post = |path: &str, body: String| {
        let url = format!("http://{}/switch/v1/{path}", gateway.switch);
        let request =
            client.post(url).bearer_auth(token).header("Content-Type", "application/json").body(body);
        async move { request.send().await?.error_for_status()?.text().await }
    };
    let call_id = format!("quickstart-{}", random::nonce());
    let question = serde_json::json!({"callId": call_id, "caller": "+8613800000001", "called": x});
    let decision = post("route", question.to_string()).await?;
    say(&format!("   {question}\n   {decision}"));
    if !decision.contains("\"connect\"") {
        return Err("the call was not connected".into());
    }
    let start = Clock::system().now().before(Duration::from_secs(30));
    let event = |n: u64, stage: &str| {
        let ts = format_rfc3339_millis(start.after(Duration::from_secs(4 * n)));
        serde_json::json!({"eventId": format!("{call_id}-{n}"), "callId": call_id, "event": stage, "ts": ts,
            "caller": "+8613800000001", "called": x, "sip": 200, "q850": 16, "by": "caller"})
    };
    let stages = ["callin", "callout", "alerting", "answer", "disconnect"];
    let events: Vec<_> = (0..).zip(stages).map(|(n, stage)| event(n, stage)).collect();
    let counted = post("events", serde_json::Value::from(events).to_string()).await?;
    say(&format!("   five events: {counted}"));
    Ok(())
}

fn signed(app: &CustomerApp) -> String {
    sign::headers(&sign::Options {
        key: app.key.to_string(),
        secret: app.secret.expose().to_owned(),
        scheme: SchemeWord::Aksk,
        nonce: None,
        created: None,
    })
}

fn print_addresses(gateway: &Gateway, app: &CustomerApp, token: &str, x: &str) -> Result<(), Failed> {
    let program = std::env::current_exe()?;
    let Gateway { customer, switch, operator, .. } = gateway;
    let (key, secret, encoded) = (&app.key, app.secret.expose(), x.replace('+', "%2B"));
    let sign = format!("{} sign --key {key} --secret {secret} | curl -sS -H @-", program.display());
    say(&format!(
        "\nIt works. To try it yourself:\n\
         app key         {key}\napp secret      {secret}\noperator token  {token}\n\
         customer API    http://{customer}\nswitch API      http://{switch}\noperator API    http://{operator}\n\n\
         # bind two more numbers\n\
         {sign} -d '{{\"callerNum\":\"+8613800000003\",\"calleeNum\":\"+8613800000004\",\"areaCode\":\"0755\"}}' \
         http://{customer}/rest/caas/relationnumber/partners/v1.0\n\
         # what is bound on the X number\n\
         {sign} 'http://{customer}/rest/caas/relationnumber/partners/v1.0?relationNum={encoded}'\n\
         # where would a call from +8613800000002 go?\n\
         curl -sS -H 'Authorization: Bearer {token}' \
         -d '{{\"callId\":\"mine-1\",\"caller\":\"+8613800000002\",\"called\":\"{x}\"}}' http://{switch}/switch/v1/route"
    ));
    Ok(())
}

/// The customer's side: answers 200 and hands each callback over.
#[derive(Clone, Debug)]
struct Receiver(mpsc::Sender<(String, String)>);

impl Service for Receiver {
    async fn call(&self, mut request: Request) -> Reply {
        let body = request.read_body(1_048_576).await.unwrap_or_default();
        let arrived = (request.path().to_owned(), String::from_utf8_lossy(&body).into_owned());
        drop(self.0.send(arrived).await);
        Reply::empty(hyper::StatusCode::OK)
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(hyper::StatusCode::BAD_REQUEST)
    }
}

async fn start_receiver(arrived: mpsc::Sender<(String, String)>) -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server {
        listener,
        tls: None::<Arc<crate::http::Tls>>,
        limits: Limits::default(),
        title_case_headers: false,
        request_ids: RequestIds::new(random::process_id()),
        service: Receiver(arrived),
    };
    tokio::spawn(server.run(std::future::pending()));
    Ok(format!("http://{address}"))
}
