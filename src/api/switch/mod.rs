//! The switch listener: routes, events, recordings, short messages, number status (proto-docs/switch.md).

mod messages;
mod recordings;

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::{WAV, json, switch_token};
use crate::config::LiveTokens;
use crate::domain::tone::ToneState;
use crate::engine::job::{ReportCount, SettingChange, SettingFault, Unserved};
use crate::engine::{Engine, NotKept};
use crate::http::{BodyError, Refusal, Reply, Request, Service};
use crate::wire::switch::{
    ErrorAnswer, ErrorBody, ITEMS_MAX, ReportAnswer, RouteAnswer, StatusAnswer, TooMany, events,
    number_status, route_question,
};

const ROUTE: &str = "/switch/v1/route";
const EVENTS: &str = "/switch/v1/events";
const RECORDINGS: &str = "/switch/v1/recordings";
const MESSAGES: &str = "/switch/v1/messages";
const NUMBER_STATUS: &str = "/switch/v1/numbers/status";
/// Before the app key and the name of a tone file.
const TONES: &str = "/switch/v1/tones/";

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 1_048_576;

/// The switch listener.
#[derive(Clone, Debug)]
pub struct SwitchApi {
    /// Does the work.
    pub engine: Engine,
    /// Who may ask.
    pub tokens: Arc<ArcSwap<LiveTokens>>,
}

/// An answer that is not 200. An event as such is never a reason for one: the switch would send it for ever.
#[derive(Debug)]
enum Fault {
    Unauthorized,
    NotFound,
    TooSlow,
    TooLarge,
    NoHttp,
    HeadersTooLong,
    UnusableCallId,
    Recording(NotKept),
    Unavailable(Option<Unserved>),
}

impl Service for SwitchApi {
    async fn call(&self, mut request: Request) -> Reply {
        let reply = self.answer(&mut request).await.unwrap_or_else(Fault::reply);
        self.engine.shared().metrics.requests.with_label_values(&["switch", reply.status.as_str()]).inc();
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::MalformedRequest => Fault::NoHttp,
            Refusal::HeadersTooLarge => Fault::HeadersTooLong,
            Refusal::Panicked | Refusal::Overloaded => Fault::Unavailable(None),
        }
        .reply()
    }
}

impl SwitchApi {
    /// Every route of this listener.
    async fn answer(&self, request: &mut Request) -> Result<Reply, Fault> {
        let recorded = recorded_call(request).map(str::to_owned);
        let tone = request.path().strip_prefix(TONES).filter(|_| request.method == Method::GET);
        let posted = matches!(request.path(), ROUTE | EVENTS | RECORDINGS | MESSAGES | NUMBER_STATUS)
            && request.method == Method::POST;
        let sent = sent_message(request).map(str::to_owned);
        if tone.is_none() && !posted && recorded.is_none() && sent.is_none() {
            return Err(Fault::NotFound);
        }
        if !switch_token(&request.headers).is_some_and(|token| self.tokens.load().accept(&token)) {
            return Err(Fault::Unauthorized);
        }
        if let Some(call) = recorded {
            return self.put_recording(&call, request).await;
        }
        if let Some(tone) = tone {
            return self.tone(tone).await;
        }
        let body = request.read_body(BODY_BYTES_MAX).await?;
        if let Some(message) = sent {
            return self.message_result(&message, &body).await;
        }
        match request.path() {
            ROUTE => self.route(&body).await,
            EVENTS => self.events(&body).await,
            RECORDINGS => self.recordings(&body).await,
            MESSAGES => self.message(&body).await,
            _ => self.number_status(&body).await,
        }
    }

    async fn route(&self, body: &[u8]) -> Result<Reply, Fault> {
        let Some(question) = route_question(body) else { return Ok(json(200, &RouteAnswer::senseless())) };
        let decision = self.engine.route(&question.call, question.setup()).await?;
        let ids = &self.engine.shared().origin.ids;
        let session = ids.session(question.call.expose());
        let app = decision.app.map(|app| self.engine.shared().registry.customers.by_no(app));
        let answer = RouteAnswer::of(&decision, &session, app.as_deref(), ids);
        Ok(json(200, &answer.ok_or(Fault::Unavailable(None))?))
    }

    /// The sound of an approved tone file, by `appKey/name`. Neither has a character that needs an escape but
    /// `@`, which some clients escape all the same.
    async fn tone(&self, of: &str) -> Result<Reply, Fault> {
        let of = percent_decode_str(of).decode_utf8().map_err(|_| Fault::NotFound)?;
        let (key, name) = of.split_once('/').ok_or(Fault::NotFound)?;
        let registry = &self.engine.shared().registry;
        let app = registry.customers.by_key(key).ok_or(Fault::NotFound)?.no;
        let tone = registry.tones.get(app, name).filter(|tone| tone.state == ToneState::Approved);
        let tone = tone.ok_or(Fault::NotFound)?;
        let content = self.engine.query(move |store| store.tone_content(app, tone.name.as_str())).await;
        let content = content.map_err(|_| Unserved::StoreUnavailable)?.ok_or(Fault::NotFound)?;
        Ok(Reply::new(StatusCode::OK, WAV, Bytes::from_owner(content)))
    }

    async fn events(&self, body: &[u8]) -> Result<Reply, Fault> {
        let read = events(body, self.engine.shared().clock.now())?;
        let count = if read.usable.is_empty() {
            ReportCount::default()
        } else {
            self.engine.report(read.usable).await?
        };
        if read.unusable > 0 {
            tracing::warn!(events = read.unusable, "parked events that cannot be read");
        }
        Ok(counted(ReportCount { parked: count.parked + read.unusable, ..count }))
    }

    async fn number_status(&self, body: &[u8]) -> Result<Reply, Fault> {
        let read = number_status(body)?;
        let asked = read.usable.len();
        let faults = match asked {
            0 => Vec::new(),
            _ => self
                .engine
                .change("carrier", SettingChange::SetStatus(read.usable))
                .await?
                .unwrap_or_default(),
        };
        let unchanged = faults.iter().filter(|fault| fault.fault == SettingFault::Unchanged).count();
        let updated = asked - faults.len();
        Ok(json(200, &StatusAnswer { updated, unchanged, unknown: faults.len() - unchanged + read.unusable }))
    }
}

/// The call, still encoded, whose recording a request brings.
fn recorded_call(request: &Request) -> Option<&str> {
    let call = request.path().strip_prefix(RECORDINGS)?.strip_prefix('/')?;
    (request.method == Method::PUT && !call.is_empty() && !call.contains('/')).then_some(call)
}

/// The message of which a request tells what came of it.
fn sent_message(request: &Request) -> Option<&str> {
    let message = request.path().strip_prefix(MESSAGES)?.strip_prefix('/')?.strip_suffix("/result")?;
    (request.method == Method::POST && !message.is_empty() && !message.contains('/')).then_some(message)
}

fn counted(count: ReportCount) -> Reply {
    let ReportCount { accepted, duplicates, parked } = count;
    json(200, &ReportAnswer { accepted, duplicates, parked })
}

impl Fault {
    fn reply(self) -> Reply {
        let (status, code, message) = match self {
            Self::Unauthorized => {
                (401, "unauthorized", "give a live token as Authorization: Bearer TOKEN".into())
            }
            Self::NotFound => (404, "not_found", "there is no such URI".into()),
            Self::TooSlow => (408, "too_slow", "the body took too long".into()),
            Self::TooLarge => {
                (413, "too_large", format!("give at most {BODY_BYTES_MAX} bytes and {ITEMS_MAX} items"))
            }
            Self::NoHttp => (400, "invalid_request", "not a complete HTTP request".into()),
            Self::HeadersTooLong => (431, "invalid_request", "the headers are too long".into()),
            Self::UnusableCallId => (400, "invalid_request", "callId must be 1 to 256 characters".into()),
            Self::Recording(why) => recordings::fault(&why),
            Self::Unavailable(why) => {
                (503, "unavailable", why.map_or_else(|| "try again".into(), |why| why.to_string()))
            }
        };
        json(status, &ErrorAnswer { error: ErrorBody { code, message: &message } }).with_detail(message)
    }
}

impl From<Unserved> for Fault {
    fn from(why: Unserved) -> Self {
        Self::Unavailable(Some(why))
    }
}

impl From<TooMany> for Fault {
    fn from(_: TooMany) -> Self {
        Self::TooLarge
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Broken => Self::NoHttp,
        }
    }
}
