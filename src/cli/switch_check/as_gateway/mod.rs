//! The gateway's part, played for a switch: it answers the questions of test calls, takes events and recordings,
//! gives orders, and judges what came.

mod checks;
mod desk;
mod judge;
mod log;
mod step;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use hyper::StatusCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::report::Report;
use super::unusable;
use crate::api::{json, switch_token};
use crate::cli::complain;
use crate::cli::listener::serve;
use crate::cli::operator::{Fault, token_of_file, written_number};
use crate::clock::{Clock, Stopwatch};
use crate::config::{Control, Credential, Secret};
use crate::control::{Stopped, SwitchControl};
use crate::domain::call::CallId;
use crate::engine::random;
use crate::http::{Refusal, Reply, Request, Service};
use crate::remote::Remote;
use desk::{Desk, Incoming};
use log::Order;
use step::Step;

/// Longest body: a WAV file of a test call stays well below.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long the switch may take to answer an order.
const ORDER_WAIT_MAX: Duration = Duration::from_secs(3);

/// Where to listen, and which test calls to expect.
#[derive(Debug, Args)]
pub(super) struct ListenOptions {
    /// File that holds the token that the switch sends; its first token is used.
    #[arg(long, value_name = "FILE")]
    switch_token_file: PathBuf,
    /// Listen here; the switch is configured with it as the gateway's address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Whom the test calls are connected with: a phone that somebody can answer.
    #[arg(long, value_name = "NUMBER", value_parser = written_number)]
    callee: String,
    /// The switch's control address. Without it call stop is not checked.
    #[arg(long, value_name = "URL")]
    control: Option<String>,
    /// File that holds the token that the control address wants.
    #[arg(long, value_name = "FILE", requires = "control")]
    control_token_file: Option<PathBuf>,
    /// The test calls, in the order in which they will be placed; without it, all.
    #[arg(long, value_name = "CALLS", value_enum, value_delimiter = ',')]
    calls: Vec<Step>,
    /// Stop after so many seconds, whatever has come. Ctrl-C stops, too.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    for_secs: u32,
    /// Wait so long after the last call for what comes late.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=600))]
    grace_secs: u16,
    /// Print one JSON object instead of a table. What to do at the phones goes to standard error either way.
    #[arg(long)]
    pub(super) json: bool,
}

/// The listener. Clones share the desk.
#[derive(Clone, Debug)]
struct Part {
    desk: Arc<Mutex<Desk>>,
    token: Arc<Secret>,
    happened: Arc<Notify>,
}

impl Part {
    fn with<T>(&self, what: impl FnOnce(&mut Desk) -> T) -> T {
        what(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service for Part {
    async fn call(&self, mut request: Request) -> Reply {
        let Ok(body) = request.read_body(BODY_BYTES_MAX).await else {
            return Reply::empty(StatusCode::BAD_REQUEST);
        };
        let incoming = Incoming {
            peer: request.peer,
            has_token: switch_token(&request.headers).is_some_and(|token| self.token.matches(&token)),
            method: &request.method,
            path: request.path(),
            body: &body,
        };
        let (status, body) = self.with(|desk| desk.answer(&incoming, Clock::system().now()));
        self.happened.notify_one();
        json(status, &body)
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(StatusCode::BAD_REQUEST)
    }
}

/// Plays the part.
pub(super) async fn run(options: ListenOptions) -> Result<Report, Fault> {
    let token = Arc::new(Secret::new(&token_of_file(&options.switch_token_file)?));
    let control = control(&options)?;
    let asked = if options.calls.is_empty() { Step::ALL.to_vec() } else { options.calls.clone() };
    let mut plan: Vec<Step> = Vec::new();
    for step in asked {
        if !plan.contains(&step) && (step != Step::Stopped || control.is_some()) {
            plan.push(step);
        }
    }
    let left_out: Vec<_> = Step::ALL.into_iter().filter(|step| !plan.contains(step)).collect();
    let reason = |step: &Step| match step {
        Step::Stopped if control.is_none() => "no --control was given",
        _ => "not among --calls",
    };
    let left_out: Vec<_> = left_out.iter().map(|step| (*step, reason(step))).collect();
    let desk = Arc::new(Mutex::new(Desk::new(plan.clone(), options.callee.clone())));
    let part = Part { desk, token, happened: Arc::new(Notify::new()) };
    // Before anybody is told that we listen: from then on a signal ends the wait and not the program.
    let stops = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    listen(&options, part.clone()).await?;
    follow(&options, &part, &plan, control.as_ref(), stops).await;
    let mut report = Report::default();
    report.know(&options.callee, "the callee");
    part.with(|desk| judge::judge(&desk.log, &plan, &left_out))
        .into_iter()
        .for_each(|found| report.add(found));
    Ok(report)
}

fn control(options: &ListenOptions) -> Result<Option<SwitchControl>, Fault> {
    let Some(url) = &options.control else { return Ok(None) };
    let is_address = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_address {
        return Err(unusable("--control must be an address like http://127.0.0.1:8060"));
    }
    let token = match &options.control_token_file {
        Some(file) => Some(Credential::new(&token_of_file(file)?).map_err(unusable)?),
        None => None,
    };
    let settings = Control { url: url.trim_end_matches('/').into(), token, timeout: ORDER_WAIT_MAX };
    let remote = Remote::new().map_err(|error| unusable(error.to_string()))?;
    Ok(Some(SwitchControl::new(Some(settings), remote)))
}

/// Listens for as long as the program runs.
async fn listen(options: &ListenOptions, part: Part) -> Result<(), Fault> {
    let address = options.listen;
    let taken = |error: std::io::Error| unusable(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    complain(&format!("listening on {}", listener.local_addr().map_err(taken)?));
    serve(listener, part);
    Ok(())
}

/// Says what to do next and gives the orders, until every call is over or the time is.
async fn follow(
    options: &ListenOptions,
    part: &Part,
    plan: &[Step],
    control: Option<&SwitchControl>,
    [mut terminate, mut interrupt]: [Signal; 2],
) {
    let whole = Duration::from_secs(options.for_secs.into());
    let (running, mut said) = (Stopwatch::start(), None);
    loop {
        if let Some(control) = control {
            give_orders(part, control).await;
        }
        let next = part.with(|desk| desk.next_step());
        if next != said {
            said = next;
            match next {
                Some(step) => instruct(plan, step),
                None => complain("every call is over"),
            }
        }
        let left = match next {
            Some(_) => whole.saturating_sub(running.elapsed()),
            None => Duration::from_secs(options.grace_secs.into()),
        };
        tokio::select! {
            () = part.happened.notified() => {}
            () = tokio::time::sleep(left) => return,
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
        }
    }
}

fn instruct(plan: &[Step], step: Step) {
    let at = plan.iter().position(|known| *known == step).map_or(0, |at| at + 1);
    complain(&format!("{at} of {}, {}: {}", plan.len(), step.as_str(), step.instruction()));
}

/// The stop of the call that is being talked; when it is over the same again, and one for a call that never was.
async fn give_orders(part: &Part, control: &SwitchControl) {
    if let Some(call) = part.with(|desk| desk.to_stop()) {
        give(part, control, &call).await;
    }
    if let Some(call) = part.with(|desk| desk.to_stop_again()) {
        give(part, control, &call).await;
        give(part, control, &format!("switch-check-{}", random::nonce())).await;
    }
}

async fn give(part: &Part, control: &SwitchControl, call: &str) {
    let call = CallId::new(call).expect("it came from a message, or was made here");
    let order = match control.stop(&call).await {
        Ok(Stopped::Ending) => Order::Ending,
        Ok(Stopped::NotThere) => Order::NotThere,
        Err(why) => Order::Failed(why.to_string()),
    };
    part.with(|desk| desk.log.orders.push(order));
}
