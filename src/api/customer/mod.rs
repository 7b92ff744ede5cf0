//! The customer listener: the PrivateNumber protocol (proto-docs/customer.md).

pub mod ax;
pub mod axb;
pub mod axe;
pub mod axyb;
pub mod callstop;
pub mod notices;
pub mod recording;

use std::sync::Arc;

use hyper::Method;
use hyper::header::{HOST, HeaderValue};

use self::notices::Readers;
pub use self::recording::LinkBase;
use super::admission::{Admission, Admitted};
use super::rejection::{Asked, Rejection, rejection};
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::binding::AnyBinding;
use crate::domain::command::{Command, Done, XChoice};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::id::BindingId;
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::XSlot;
use crate::engine::Engine;
use crate::engine::job::Who;
use crate::http::{BodyError, Refusal, Reply, Request, Service};
use crate::wire::customer::{XWish, app_key};
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 65_536;

/// An operation of the customer API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// AX bind.
    BindAx,
    /// AX unbind.
    UnbindAx,
    /// AX modify.
    ModifyAx,
    /// AX query.
    QueryAx,
    /// AX temporary callee.
    SetNextCallee,
    /// AXB bind.
    BindAxb,
    /// AXB unbind.
    UnbindAxb,
    /// AXB modify.
    ModifyAxb,
    /// AXB query.
    QueryAxb,
    /// AXE bind.
    BindAxe,
    /// AXE unbind.
    UnbindAxe,
    /// AXE modify.
    ModifyAxe,
    /// AXE query v1.0: one binding.
    QueryAxe,
    /// AXE query v2.0: a page of those on one X.
    ListAxe,
    /// AXYB bind, either step.
    BindAxyb,
    /// AXYB unbind.
    UnbindAxyb,
    /// AXYB query.
    QueryAxyb,
    /// Fetch notices; in every mode.
    FetchNotices,
    /// Link to a recording.
    LinkRecording,
    /// Call stop.
    StopCall,
}

impl Operation {
    /// Every route of this listener. A prefix before `/rest/` is passed over: some clients have one
    /// configured (client-tolerances B20).
    pub fn at(method: &Method, path: &str) -> Option<Self> {
        let path = path.find("/rest/").map_or(path, |at| &path[at..]);
        let post = method == Method::POST;
        let put = method == Method::PUT;
        let get = method == Method::GET;
        let delete = method == Method::DELETE;
        Some(match path {
            "/rest/provision/caas/privatenumber/v1.0" if post => Self::BindAx,
            "/rest/provision/caas/privatenumber/v1.0" if delete => Self::UnbindAx,
            "/rest/provision/caas/privatenumber/v1.0" if put => Self::ModifyAx,
            "/rest/provision/caas/privatenumber/v1.0" if get => Self::QueryAx,
            "/rest/caas/privatenumber/calleenumber/v1.0" if put => Self::SetNextCallee,
            "/rest/caas/relationnumber/partners/v1.0" if post => Self::BindAxb,
            "/rest/caas/relationnumber/partners/v1.0" if delete => Self::UnbindAxb,
            "/rest/caas/relationnumber/partners/v1.0" if put => Self::ModifyAxb,
            "/rest/caas/relationnumber/partners/v1.0" if get => Self::QueryAxb,
            "/rest/caas/extendnumber/v1.0" if post => Self::BindAxe,
            "/rest/caas/extendnumber/v1.0" if delete => Self::UnbindAxe,
            "/rest/caas/extendnumber/v1.0" if put => Self::ModifyAxe,
            "/rest/caas/extendnumber/v1.0" if get => Self::QueryAxe,
            "/rest/caas/extendnumber/v2.0" if get => Self::ListAxe,
            "/rest/omp/xyrelationnumber/v1.0" if post => Self::BindAxyb,
            "/rest/omp/xyrelationnumber/v1.0" if delete => Self::UnbindAxyb,
            "/rest/omp/xyrelationnumber/v1.0" if get => Self::QueryAxyb,
            "/rest/notifications/v1" if get => Self::FetchNotices,
            "/rest/provision/voice/record/v1.0" if get => Self::LinkRecording,
            "/rest/httpsessions/callStop/v2.0" if post => Self::StopCall,
            _ => return None,
        })
    }

    /// The mode it belongs to; `None` = any.
    const fn mode(self) -> Option<Mode> {
        match self {
            Self::BindAx | Self::UnbindAx | Self::ModifyAx | Self::QueryAx | Self::SetNextCallee => {
                Some(Mode::Ax)
            }
            Self::BindAxb | Self::UnbindAxb | Self::ModifyAxb | Self::QueryAxb => Some(Mode::Axb),
            Self::BindAxe | Self::UnbindAxe | Self::ModifyAxe | Self::QueryAxe | Self::ListAxe => {
                Some(Mode::Axe)
            }
            Self::BindAxyb | Self::UnbindAxyb | Self::QueryAxyb => Some(Mode::Axyb),
            Self::FetchNotices | Self::LinkRecording | Self::StopCall => None,
        }
    }
}

/// The customer listener.
#[derive(Clone, Debug)]
pub struct CustomerApi {
    /// Does the work.
    pub engine: Engine,
    /// Decides who may ask.
    pub admission: Arc<Admission>,
    /// Who fetches notices just now.
    pub readers: Arc<Readers>,
    /// What links to recordings begin with.
    pub base: LinkBase,
}

impl Service for CustomerApi {
    async fn call(&self, request: Request) -> Reply {
        let answered = self.answer(request).await;
        let metrics = &self.engine.shared().metrics;
        let (reply, code) = match answered {
            Ok(reply) => (reply, ResultCode::Success),
            Err(rejection) => (rejection.reply(), rejection.code),
        };
        metrics.result_codes.with_label_values(&[code.code()]).inc();
        metrics.requests.with_label_values(&["customer", reply.status.as_str()]).inc();
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let rejection = match refusal {
            Refusal::MalformedRequest => Rejection::invalid("Not an HTTP request.", Some(400)),
            Refusal::HeadersTooLarge => Rejection::invalid("The headers are too long.", Some(431)),
            Refusal::Panicked => Rejection::new(ResultCode::InternalError),
            Refusal::Overloaded => Rejection::new(ResultCode::FlowControl),
        };
        rejection.reply()
    }
}

impl CustomerApi {
    async fn answer(&self, mut request: Request) -> Result<Reply, Rejection> {
        if let Some(link) = recording::FollowedLink::of(&request) {
            return recording::follow(&self.engine, link).await;
        }
        let operation = Operation::at(&request.method, request.path())
            .ok_or(Rejection::invalid("No such URI.", Some(404)))?;
        let shared = self.engine.shared();
        let (headers, peer) = (&request.headers, request.peer.ip());
        let now = shared.clock.now();
        let admitted =
            self.admission.admit(&shared.registry.customers, headers, peer, operation.mode(), now)?;
        if !self.engine.is_serving() {
            return Err(Rejection::new(ResultCode::InternalError));
        }
        if operation.mode() == Some(Mode::Axyb) {
            app_key(request.query(), admitted.app.key.as_str())?;
        }
        let fields = fields(operation, &mut request).await?;
        let host = request.headers.get(HOST).cloned();
        // While a command waits for its commit, many others come and go: what it no longer needs is let go first.
        drop(request);
        self.carry_out(operation, &admitted, fields, host).await
    }

    async fn carry_out(
        &self,
        operation: Operation,
        admitted: &Admitted,
        fields: Fields,
        host: Option<HeaderValue>,
    ) -> Result<Reply, Rejection> {
        let (engine, app) = (&self.engine, &*admitted.app);
        match operation {
            Operation::BindAx => ax::bind(engine, app, fields).await,
            Operation::UnbindAx => ax::unbind(engine, app, &fields).await,
            Operation::ModifyAx => ax::modify(engine, app, &fields).await,
            Operation::QueryAx => engine.read(|_| ax::query(engine, app, &fields))?,
            Operation::SetNextCallee => ax::set_next_callee(engine, app, &fields).await,
            Operation::BindAxb => axb::bind(engine, app, fields).await,
            Operation::UnbindAxb => axb::unbind(engine, app, &fields).await,
            Operation::ModifyAxb => axb::modify(engine, app, &fields).await,
            Operation::QueryAxb => engine.read(|_| axb::query(engine, app, &fields))?,
            Operation::BindAxe => axe::bind(engine, app, &fields).await,
            Operation::UnbindAxe => axe::unbind(engine, app, &fields).await,
            Operation::ModifyAxe => axe::modify(engine, app, &fields).await,
            Operation::QueryAxe => engine.read(|_| axe::query(engine, app, &fields))?,
            Operation::ListAxe => engine.read(|_| axe::list(engine, app, &fields))?,
            Operation::BindAxyb => axyb::bind(engine, app, &fields).await,
            Operation::UnbindAxyb => axyb::unbind(engine, app, &fields).await,
            Operation::QueryAxyb => engine.read(|_| axyb::query(engine, app, &fields))?,
            Operation::FetchNotices => notices::fetch(engine, &self.readers, app, &fields).await,
            Operation::LinkRecording => {
                recording::link(engine, app, &fields, || self.base.of(host.as_ref())).await
            }
            Operation::StopCall => callstop::stop(engine, app, &fields).await,
        }
    }
}

/// Where the fields of an operation come from: the body; or the query, and for a DELETE whose query names
/// nothing the body after all (client-tolerances B14, B15).
async fn fields(operation: Operation, request: &mut Request) -> Result<Fields, Rejection> {
    const UNBIND_SELECTORS: [&str; 6] =
        ["subscriptionId", "relationNum", "privateNum", "origNum", "virtualNum", "extendNum"];
    match operation {
        Operation::QueryAx
        | Operation::QueryAxb
        | Operation::QueryAxe
        | Operation::ListAxe
        | Operation::QueryAxyb
        | Operation::FetchNotices
        | Operation::LinkRecording => Ok(Fields::from_query(request.query())),
        Operation::UnbindAx | Operation::UnbindAxb | Operation::UnbindAxe | Operation::UnbindAxyb => {
            let query = Fields::from_query(request.query());
            if query.has_any(&UNBIND_SELECTORS) {
                return Ok(query);
            }
            let body = body(request).await?;
            if body.is_empty() { Ok(query) } else { Ok(Fields::from_json(&body)?) }
        }
        Operation::BindAx
        | Operation::ModifyAx
        | Operation::SetNextCallee
        | Operation::BindAxb
        | Operation::ModifyAxb
        | Operation::BindAxe
        | Operation::ModifyAxe
        | Operation::BindAxyb
        | Operation::StopCall => Ok(Fields::from_json(&body(request).await?)?),
    }
}

async fn body(request: &mut Request) -> Result<bytes::Bytes, Rejection> {
    request.read_body(BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => Rejection::invalid("The body must be at most 65536 bytes.", Some(413)),
        BodyError::TooSlow => Rejection::invalid("The body took too long.", Some(408)),
        BodyError::Broken => Rejection::invalid("The body is cut short.", Some(400)),
    })
}

/// Binds as the fields say, for somebody who acts on behalf of the app.
pub async fn bind(
    engine: &Engine,
    who: Who,
    app: &CustomerApp,
    fields: &Fields,
) -> Result<AnyBinding, Rejection> {
    let command = match app.mode {
        Mode::Ax => ax::bind_command(engine, fields)?,
        Mode::Axb => axb::bind_command(engine, fields)?,
        Mode::Axe => axe::bind_command(engine, app, fields)?,
        Mode::Axyb => axyb::bind_command(engine, app, fields)?,
        Mode::X => return Err(Rejection::new(ResultCode::ApiNotAllowed)),
    };
    check_tones(engine, app, &command)?;
    let done = engine.command_on_behalf(who, app.no, command).await?;
    match done.map_err(|refusal| rejection(&refusal, app.mode, Asked::Bind))? {
        Done::Stands(binding) => Ok(binding),
        Done::Ended(_) => unreachable!("a bind ends with a binding"),
    }
}

/// Which X a wish means: a named one, or a search by area.
fn choice(engine: &Engine, wish: XWish, a: E164) -> XChoice {
    match wish {
        XWish::Named(x) => XChoice::Named(x),
        XWish::InArea(area, matching) => search(engine, area, matching, a),
    }
}

fn search(engine: &Engine, area: Option<AreaCode>, matching: AreaMatch, a: E164) -> XChoice {
    XChoice::Chosen(engine.search(area, matching, a))
}

/// Carries out a command and gives every refusal its documented code.
async fn carry_out(
    engine: &Engine,
    app: &CustomerApp,
    command: Command,
    asked: Asked,
) -> Result<Done, Rejection> {
    check_tones(engine, app, &command)?;
    engine.command(app.no, command).await?.map_err(|refusal| rejection(&refusal, app.mode, asked))
}

/// Refuses a command that names a tone file which the app does not have approved, if the app is to be checked
/// (customer-api 10). One that is removed a moment later is as one that is removed while the binding stands.
fn check_tones(engine: &Engine, app: &CustomerApp, command: &Command) -> Result<(), Rejection> {
    if !app.check_tones {
        return Ok(());
    }
    let tones = &engine.shared().registry.tones;
    match command.tones().into_iter().find(|name| !tones.is_approved(app.no, name)) {
        Some(name) => Err(Rejection {
            what: format!("{name} does not exist.").into(),
            ..Rejection::new(ResultCode::InvalidRequest)
        }),
        None => Ok(()),
    }
}

/// The binding a subscriptionId names; one that we never gave out is like one that has ended.
fn named(engine: &Engine, subscription: &str, otherwise: ResultCode) -> Result<BindingId, Rejection> {
    engine.shared().origin.ids.binding(subscription).ok_or(Rejection::new(otherwise))
}

fn success() -> Reply {
    super::json(200, &crate::wire::customer::Envelope::SUCCESS)
}

/// Looks at an X number of the app's own; any other is answered like one that does not exist.
fn on_own_x<R>(
    engine: &Engine,
    app: &CustomerApp,
    x: XNumber,
    look: impl FnOnce(Option<&XSlot>) -> R,
) -> Result<R, Rejection> {
    let directory = &engine.shared().registry.directory;
    let seen = directory.view(x, |entry| (entry.record.app == app.no).then(|| look(entry.slot.as_ref())));
    seen.flatten().ok_or(ResultCode::ResourceNotApplied.into())
}
