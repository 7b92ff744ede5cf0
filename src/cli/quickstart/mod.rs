//! `privnum quickstart`: the main job with no configuration. A gateway and the three it works with (a
//! customer's application, a telephone switch, an operator) in one process; everything they do goes through
//! the real listeners over real sockets.

mod actors;
mod receiver;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{complain, say};
use crate::app::{Gateway, ServeError};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::random;

use actors::{A, Actors, B, DemoApp};
use receiver::Pushed;

/// How long one callback may take to arrive before the demonstration counts as failed.
const CALLBACK_WAIT: Duration = Duration::from_secs(15);
/// What the app is told about an answered call: five stages and the CDR.
const NOTICES: [(&str, &str); 6] = [
    ("callin", "the call came in"),
    ("callout", "B is being called"),
    ("alerting", "B's phone rings"),
    ("answer", "B answered"),
    ("disconnect", "somebody hung up"),
    ("fee", "the call detail record (CDR), for the bill"),
];

/// Options of the quickstart.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  privnum quickstart\n  privnum quickstart --data-dir demo   start it again with \
    the same data\n  privnum quickstart --once && echo it works"
)]
pub struct Options {
    /// Keep the data here instead of in a folder that is removed at the end.
    #[arg(long, value_name = "DIR")]
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
    std::fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    let outcome = in_dir(&dir, options.once).await;
    if options.data_dir.is_none() {
        drop(std::fs::remove_dir_all(&scratch));
    }
    outcome
}

async fn in_dir(dir: &Path, once: bool) -> Result<(), Failed> {
    let token = random::app_secret();
    let gateway = start(dir, &token).await?;
    let (arrived, mut callbacks) = mpsc::channel(64);
    let outcome = async {
        let receiver = receiver::start(arrived).await?;
        let actors = Actors::new(&gateway, &token)?;
        let shown = show(&actors, &receiver, &mut callbacks).await?;
        explain(&actors, &shown, once)?;
        if once { Ok(()) } else { keep_serving(&mut callbacks).await }
    };
    let outcome = outcome.await;
    gateway.stop().await;
    outcome
}

/// Starts the gateway on the ports that people remember, or on free ones where those are taken.
async fn start(dir: &Path, token: &str) -> Result<Gateway, Failed> {
    let mut ports = [("customer", 8_080), ("switch", 8_081), ("operator", 8_082)];
    loop {
        let refusal = match Gateway::start(&config(dir, token, ports)?, Clock::system()).await {
            Ok(gateway) => return Ok(gateway),
            Err(refusal) => refusal,
        };
        let ServeError::Listen { listener, address, .. } = &refusal else { return Err(refusal.into()) };
        let taken = ports.iter_mut().find(|(name, port)| name == listener && *port != 0);
        let Some((_, port)) = taken else { return Err(refusal.into()) };
        say(&format!("Port {} is taken: the {listener} API goes to a free port instead.", address.port()));
        *port = 0;
    }
}

fn config(dir: &Path, token: &str, ports: [(&str, u16); 3]) -> Result<Config, Failed> {
    let [customer, switch, operator] = ports.map(|(_, port)| port);
    let text = format!(
        "listen.customer = \"127.0.0.1:{customer}\"\nlisten.switch = \"127.0.0.1:{switch}\"\n\
         listen.operator = \"127.0.0.1:{operator}\"\nstore.kind = \"embedded\"\nstore.dir = \"data\"\noperator.token = \"{token}\"\n\
         switch.token = \"{token}\"\ncallback.allow_networks = [\"127.0.0.0/8\"]\n"
    );
    Ok(Config::parse(&text, dir)?)
}

/// What the demonstration brought about.
struct Shown {
    app: DemoApp,
    x: String,
    session_id: String,
}

/// Binds, calls, and waits for the callbacks.
async fn show(
    actors: &Actors,
    receiver: &str,
    callbacks: &mut mpsc::Receiver<Pushed>,
) -> Result<Shown, Failed> {
    say(&format!(
        "Two people, A ({A}) and B ({B}), shall call each other without learning each other's numbers.\n\
         For that the gateway lends them a third number, called X."
    ));
    let app = actors.demo_app(receiver).await?;

    say("\n1. The customer's application asks for a number of area 0755 that connects A and B for an hour.");
    let x = actors.bind(&app).await?;
    say(&format!("   => The gateway lends X = {x}."));

    say("\n2. A dials X. The telephone switch asks the gateway where the call goes.");
    let (call_id, session_id) = actors.ask_for_route(&x).await?;
    say("   => Connect A with B, and show B the number X instead of A's.");
    say(
        "   Then the switch reports what happens: the call comes in, B is called, B's phone rings, B answers,\n   \
         B hangs up.",
    );
    actors.report(&call_id, &x).await?;

    say("\n3. The gateway tells the application, at the address it gave: five events and the CDR.");
    receive(callbacks, &session_id).await?;
    Ok(Shown { app, x, session_id })
}

/// Waits until everything about the call has arrived. What an earlier run with the same data left over may
/// come in between.
async fn receive(callbacks: &mut mpsc::Receiver<Pushed>, session_id: &str) -> Result<(), Failed> {
    let mut missing: Vec<&str> = NOTICES.iter().map(|(kind, _)| *kind).collect();
    while !missing.is_empty() {
        let arrived = tokio::time::timeout(CALLBACK_WAIT, callbacks.recv()).await;
        let pushed = arrived
            .map_err(|_| format!("these callbacks did not arrive: {}", missing.join(", ")))?
            .ok_or("the callback receiver stopped")?;
        print_callback(&pushed);
        if pushed.body.contains(session_id) {
            missing.retain(|kind| *kind != pushed.kind());
        }
    }
    Ok(())
}

fn print_callback(pushed: &Pushed) {
    let kind = pushed.kind();
    let meaning = NOTICES.iter().find(|(name, _)| *name == kind).map_or("", |(_, meaning)| *meaning);
    say(&format!("   POST {}  {kind}: {meaning}\n   {}", pushed.path, pushed.body));
}

/// Says what to try next.
fn explain(actors: &Actors, shown: &Shown, once: bool) -> Result<(), Failed> {
    let program = std::env::current_exe()?;
    let program = quoted(&program.display().to_string());
    let Actors { customer, switch, operator, token, .. } = actors;
    let DemoApp { key, secret } = &shown.app;
    let Shown { x, session_id, .. } = shown;
    let invitation = if once {
        "Without --once the gateway keeps serving, and lines like these work in another terminal."
    } else {
        "To try it yourself, paste these into another terminal."
    };
    say(&format!(
        "\nIt works.\n\n\
         app key         {key}\napp secret      {secret}\noperator token  {token}   (the switch's, too)\n\
         customer API    {customer}\nswitch API      {switch}\noperator API    {operator}\n\n\
         {invitation}\n\n\
         # The application binds two more people. A signature is good for five minutes, so each request gets a new one.\n\
         PRIVNUM_SECRET={secret} {program} sign --key {key} | curl -sS -w '\\n' -H @- \
         -d '{{\"callerNum\":\"+8613800000003\",\"calleeNum\":\"+8613800000004\",\"areaCode\":\"0755\"}}' \
         {customer}/rest/caas/relationnumber/partners/v1.0\n\n\
         # The switch asks: B ({B}) dials X, where does the call go?\n\
         curl -sS -w '\\n' -H 'Authorization: Bearer {token}' \
         -d '{{\"callId\":\"mine-1\",\"caller\":\"{B}\",\"called\":\"{x}\"}}' {switch}/switch/v1/route\n\n\
         # The operator looks at the call that was just made: what was decided, and every event.\n\
         curl -sS -w '\\n' -H 'Authorization: Bearer {token}' {operator}/operator/v1/calls/{session_id}\n\n\
         # The same, for people to read.\n\
         PRIVNUM_OPERATOR={operator} PRIVNUM_TOKEN={token} {program} call show {session_id}"
    ));
    if once {
        say("\nThis run was with --once, so the gateway stops now.");
    }
    Ok(())
}

/// Text as one word for a shell.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

async fn keep_serving(callbacks: &mut mpsc::Receiver<Pushed>) -> Result<(), Failed> {
    say("\nServing until you press Ctrl-C. Callbacks are shown here.");
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            pushed = callbacks.recv() => match pushed {
                Some(pushed) => print_callback(&pushed),
                None => return Err("the callback receiver stopped".into()),
            },
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// The text that names the member of an answer, or why there is none.
fn text_of(answer: &Value, member: &str) -> Result<String, Failed> {
    let text = answer[member].as_str().ok_or_else(|| format!("no {member} in the answer: {answer}"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(quoted("/opt/privnum-1.0/privnum"), "/opt/privnum-1.0/privnum");
        assert_eq!(quoted("/home/it's me/privnum"), r"'/home/it'\''s me/privnum'");
    }
}
