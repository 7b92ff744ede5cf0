//! The bare ceiling: the gateway's own HTTP stack, authentication, reading and answering, and nothing behind them.
//! No binding is looked up or kept. What the real server reaches of this is what its logic and its store cost.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use hyper::Method;
use privnum::api::admission::{Admission, AdmissionRules};
use privnum::api::customer::Operation;
use privnum::api::rejection::Rejection;
use privnum::api::{bearer, json};
use privnum::clock::Clock;
use privnum::config::{Config, LiveTokens};
use privnum::domain::ban::BanRule;
use privnum::domain::binding::{AnyBinding, Axb, Binding, Change, Expiry};
use privnum::domain::call::{Basis, Decision};
use privnum::domain::customer::Mode;
use privnum::domain::id::{PublicIds, RowKey};
use privnum::domain::number::CallingParty;
use privnum::domain::route::{CallSetup, Dialled, route};
use privnum::domain::slot::XSlot;
use privnum::domain::time::Timestamp;
use privnum::http::{Limits, Refusal, Reply, Request, RequestIds, Server, Service};
use privnum::metrics::Metrics;
use privnum::registry::customers::Customers;
use privnum::wire::customer::{AxbBound, XWish, axb_bind};
use privnum::wire::fields::Fields;
use privnum::wire::result_code::ResultCode;
use privnum::wire::switch::{RouteAnswer, route_question};
use tokio::net::TcpListener;

use crate::Failed;
use crate::scene::{self, Numbering};

/// Largest body, as on the real listeners.
const BODY_BYTES_MAX: usize = 65_536;

/// Serves until the process is ended.
pub fn serve(config: &Path) -> Result<(), Failed> {
    let config = Config::load(config)?;
    // The runtime of the real server: one worker per core.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve_all(&config))
}

async fn serve_all(config: &Config) -> Result<(), Failed> {
    let customer = TcpListener::bind(config.listen.customer).await?;
    let switch = TcpListener::bind(config.listen.switch).await?;
    let (customer_address, switch_address) = (customer.local_addr()?, switch.local_addr()?);
    let clock = Clock::system();
    let customers = Customers::new();
    customers.put(scene::app(clock.now()).into());
    let ids = PublicIds::new(&[7; 32]);
    let decision = decision(clock.now());
    let binder =
        Binder { clock, customers, admission: admission(config), ids: ids.clone(), key: RowKey::floor(1) };
    let router = Router { tokens: config.switch.tokens.clone(), ids, decision: decision.into() };
    let binds = tokio::spawn(server(customer, config, binder).run(std::future::pending()));
    let routes = tokio::spawn(server(switch, config, router).run(std::future::pending()));
    let mut out = std::io::stdout();
    writeln!(out, "ready customer={customer_address} switch={switch_address}")?;
    out.flush()?;
    tokio::try_join!(binds, routes)?;
    Ok(())
}

fn server<S: Service>(listener: TcpListener, config: &Config, service: S) -> Server<S> {
    let limits = Limits {
        header_read_timeout: config.limits.header_read,
        body_read_timeout: config.limits.body_read,
        keep_alive_idle: config.limits.idle,
        connections_max: config.limits.connections_max.get(),
        ..Limits::default()
    };
    let request_ids = RequestIds::new(1);
    Server { listener, tls: None, limits, title_case_headers: true, request_ids, service }
}

fn admission(config: &Config) -> Admission {
    let ban = BanRule {
        failures: config.auth.ban.failures.get(),
        window: config.auth.ban.window,
        for_duration: config.auth.ban.lasting,
    };
    let trusted_proxies = config.auth.trusted_proxies.clone();
    let rules = AdmissionRules { clock_skew: config.auth.clock_skew, trusted_proxies, ban };
    Admission::new(rules, &[7; 16], &Clock::system(), Metrics::new())
}

/// Answers binds without binding.
struct Binder {
    clock: Clock,
    customers: Customers,
    admission: Admission,
    ids: PublicIds,
    key: RowKey,
}

impl Service for Binder {
    async fn call(&self, mut request: Request) -> Reply {
        self.answer(&mut request).await.unwrap_or_else(|rejection| rejection.reply())
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Rejection::new(ResultCode::InternalError).reply()
    }
}

impl Binder {
    async fn answer(&self, request: &mut Request) -> Result<Reply, Rejection> {
        let no_such = || Rejection::invalid("Only AXB binds are answered.", Some(404));
        if Operation::at(&request.method, request.path()) != Some(Operation::BindAxb) {
            return Err(no_such());
        }
        let now = self.clock.now();
        let (headers, peer) = (&request.headers, request.peer.ip());
        let admitted = self.admission.admit(&self.customers, headers, peer, Some(Mode::Axb), now)?;
        let body = request.read_body(BODY_BYTES_MAX).await.map_err(|_| no_such())?;
        let (wish, wanted) = axb_bind(&Fields::from_json(&body)?)?;
        let XWish::Named(x) = wish else { return Err(no_such()) };
        let binding = Binding {
            id: self.key,
            app: admitted.app.no,
            x,
            relation: Axb { pair: wanted.pair, duration_secs: wanted.duration_secs },
            terms: wanted.terms,
            expiry: Expiry::in_secs(wanted.duration_secs, now),
            since: now,
        };
        Ok(json(200, &AxbBound::of(&binding, &self.ids)))
    }
}

/// Answers route questions with always the same decision.
struct Router {
    tokens: LiveTokens,
    ids: PublicIds,
    decision: Arc<Decision>,
}

impl Service for Router {
    async fn call(&self, mut request: Request) -> Reply {
        self.answer(&mut request).await.unwrap_or_else(|| self.refuse(Refusal::MalformedRequest))
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(hyper::StatusCode::BAD_REQUEST)
    }
}

impl Router {
    async fn answer(&self, request: &mut Request) -> Option<Reply> {
        if request.path() != "/switch/v1/route" || request.method != Method::POST {
            return None;
        }
        bearer(&request.headers).filter(|token| self.tokens.accept(token))?;
        let question = route_question(&request.read_body(BODY_BYTES_MAX).await.ok()?)?;
        let session = self.ids.session(question.call.expose());
        Some(json(200, &RouteAnswer::of(&self.decision, &session, None, &self.ids)))
    }
}

/// What the real server would decide about a call of binding 0.
fn decision(now: Timestamp) -> Decision {
    let numbering = Numbering { xs: 1 };
    let binding = scene::binding(numbering, 0, RowKey::floor(now.millis()), now);
    let record = scene::number(numbering.x(0), now);
    let caller = CallingParty::Number(binding.relation.pair.a());
    let called = Some(binding.x.number());
    let slot = XSlot::apply(None, &Change::Bound(AnyBinding::Axb(binding)));
    let app = scene::app(now);
    let dialled = Dialled { number: &record, app: &app, slot: slot.as_ref() };
    let route = route(Some(dialled), CallSetup { caller, called, extension: None }, now);
    let (app, mode) = (Some(record.app), Some(Mode::Axb));
    Decision { at: now, caller, called, app, mode, route, basis: Basis::Asked, question: None }
}
