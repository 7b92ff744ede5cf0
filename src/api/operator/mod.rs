//! The operator listener (proto-docs/operator.md): apps, X numbers, bindings, calls, CDRs, short messages, deliveries, the audit,
//! bans; health, readiness and metrics.

mod apps;
mod audit;
mod bans;
mod bindings;
mod calls;
mod cdrs;
mod deliveries;
mod export;
mod fault;
mod messages;
mod numbers;
mod replays;
mod tones;
mod usage;

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::json as value;

use self::fault::Fault;
use super::admission::Admission;
use super::{bearer, json};
use crate::config::LiveTokens;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::setting::AppChange;
use crate::engine::Engine;
use crate::engine::job::{ReplayOrder, Unserved, Who};
use crate::http::{Refusal, Reply, Request, Service};
use crate::store::query::{Page, Span};
use crate::wire::operator::Listed;
use crate::wire::operator::params::{Params, key_cursor};

/// Largest body of a request: 10,000 numbers, and room for their blanks.
const BODY_BYTES_MAX: usize = 16 * 1_048_576;
/// Whose doing all this is, in the audit.
const OPERATOR: Who = "operator";

/// The operator listener.
#[derive(Clone, Debug)]
pub struct OperatorApi {
    /// Does the work.
    pub engine: Engine,
    /// Who may ask.
    pub tokens: Arc<ArcSwap<LiveTokens>>,
    /// Holds the bans of the customer listener.
    pub admission: Arc<Admission>,
}

impl Service for OperatorApi {
    async fn call(&self, mut request: Request) -> Reply {
        let reply = self.answer(&mut request).await.unwrap_or_else(Fault::reply);
        self.engine.shared().metrics.requests.with_label_values(&["operator", reply.status.as_str()]).inc();
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::MalformedRequest => Fault::new(400, "invalid_request", "not a complete HTTP request"),
            Refusal::HeadersTooLarge => Fault::new(431, "invalid_request", "the headers are too long"),
            Refusal::Panicked | Refusal::Overloaded => Fault::new(503, "unavailable", "try again"),
        }
        .reply()
    }
}

/// A request of somebody with a token: what is asked of which thing.
struct Asked {
    params: Params,
    body: bytes::Bytes,
    /// The body is CSV.
    brings_csv: bool,
    /// CSV is asked for.
    wants_csv: bool,
}

impl OperatorApi {
    async fn answer(&self, request: &mut Request) -> Result<Reply, Fault> {
        match (&request.method, request.path()) {
            (&Method::GET, "/healthz") => return Ok(json(200, &value!({ "status": "ok" }))),
            (&Method::GET, "/readyz") => return Ok(self.readiness().await),
            (&Method::GET, "/metrics") => {
                self.engine.refresh_gauges();
                let text = self.engine.shared().metrics.render();
                return Ok(Reply::new(StatusCode::OK, "text/plain; version=0.0.4", text));
            }
            _ => {}
        }
        let path = request.path().strip_prefix("/operator/v1/").ok_or_else(Fault::not_found)?;
        let path = segments(path).ok_or_else(Fault::not_found)?;
        if !bearer(&request.headers).is_some_and(|token| self.tokens.load().accept(token)) {
            return Err(Fault::new(401, "unauthorized", "give a live token as Authorization: Bearer TOKEN"));
        }
        if !self.engine.is_serving() {
            return Err(Unserved::NotServing.into());
        }
        let asked = Asked {
            params: Params::of_query(request.query())?,
            body: request.read_body(BODY_BYTES_MAX).await?,
            brings_csv: mentions_csv(request, &CONTENT_TYPE),
            wants_csv: mentions_csv(request, &ACCEPT),
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.route(&request.method, &path, asked).await
    }

    /// Every route behind the token.
    async fn route(&self, method: &Method, path: &[&str], asked: Asked) -> Result<Reply, Fault> {
        match (method.as_str(), path) {
            ("POST", ["apps"]) => self.create_app(asked).await,
            ("GET", ["apps"]) => self.list_apps(asked),
            ("GET", ["apps", key]) => self.show_app(key, asked),
            ("PATCH", ["apps", key]) => self.change_app(key, asked).await,
            ("POST", ["apps", key, "suspend"]) => self.switch_app(key, AppChange::Suspend, asked).await,
            ("POST", ["apps", key, "resume"]) => self.switch_app(key, AppChange::Resume, asked).await,
            ("POST", ["apps", key, "freeze"]) => self.switch_app(key, AppChange::Freeze, asked).await,
            ("POST", ["apps", key, "unfreeze"]) => self.switch_app(key, AppChange::Unfreeze, asked).await,
            ("POST", ["apps", key, "rotateSecret"]) => self.rotate_secret(key, asked).await,
            ("POST", ["apps", key, "testCallback"]) => self.test_callback(key, asked).await,
            ("GET", ["apps", key, "tones"]) => self.list_tones(key, asked),
            ("PUT", ["apps", key, "tones", name]) => self.upload_tone(key, name, asked).await,
            ("GET", ["apps", key, "tones", name]) => self.show_tone(key, name, asked),
            ("DELETE", ["apps", key, "tones", name]) => self.remove_tone(key, name, asked).await,
            ("GET", ["apps", key, "tones", name, "content"]) => self.tone_content(key, name, asked).await,
            ("POST", ["apps", key, "tones", name, "approve"]) => {
                self.decide_tone(key, name, true, asked).await
            }
            ("POST", ["apps", key, "tones", name, "reject"]) => {
                self.decide_tone(key, name, false, asked).await
            }
            ("POST", ["numbers"]) => self.add_numbers(asked).await,
            ("GET", ["numbers"]) => self.list_numbers(asked).await,
            ("GET", ["numbers", number]) => self.show_number(number, asked),
            ("DELETE", ["numbers", number]) => self.remove_number(number, asked).await,
            ("POST", ["numbers", number, "status"]) => self.set_number_status(number, asked).await,
            ("POST", ["numbers", number, "move"]) => self.move_number(number, asked).await,
            ("GET", ["bindings"]) => self.list_bindings(asked).await,
            ("POST", ["bindings"]) => self.bind(asked).await,
            ("GET", ["bindings", subscription]) => self.show_binding(subscription, asked).await,
            ("DELETE", ["bindings", subscription]) => self.unbind(subscription, asked).await,
            ("GET", ["calls"]) => self.list_calls(asked).await,
            ("GET", ["calls", session]) => self.show_call(session, asked).await,
            ("POST", ["calls", session, "stop"]) => self.stop_call(session, asked).await,
            ("GET", ["cdrs"] | ["usage", "calls"]) => self.list_cdrs(asked).await,
            ("GET", ["messages"] | ["usage", "messages"]) => self.list_messages(asked).await,
            ("GET", ["messages", identifier]) => self.show_message(identifier, asked).await,
            ("GET", ["usage", "bindings"]) => self.list_operations(asked).await,
            ("GET", ["deliveries"]) => self.list_deliveries(asked).await,
            ("GET", ["deliveries", id]) => self.show_delivery(id, asked).await,
            ("POST", ["deliveries", id, "redeliver"]) => self.redeliver(id, asked).await,
            ("POST", ["replays"]) => self.create_replay(asked).await,
            ("GET", ["replays"]) => self.list_replays(asked).await,
            ("GET", ["replays", id]) => self.show_replay(id, asked).await,
            ("POST", ["replays", id, "pause"]) => self.steer_replay(id, ReplayOrder::Pause, asked).await,
            ("POST", ["replays", id, "resume"]) => self.steer_replay(id, ReplayOrder::Resume, asked).await,
            ("POST", ["replays", id, "cancel"]) => self.steer_replay(id, ReplayOrder::Cancel, asked).await,
            ("GET", ["audit"]) => self.list_audit(asked).await,
            ("GET", ["bans"]) => self.list_bans(asked),
            ("DELETE", ["bans", ip]) => self.lift_ban(ip, asked).await,
            // The slash of an IPv6 network, written as it is.
            ("DELETE", ["bans", ip, prefix]) => self.lift_ban(&format!("{ip}/{prefix}"), asked).await,
            _ => Err(Fault::not_found()),
        }
    }

    async fn readiness(&self) -> Reply {
        if !self.engine.is_serving() {
            return json(503, &value!({ "ready": false, "reason": "loading or stopping" }));
        }
        if let Some(running) = self.engine.commit_hangs() {
            let reason = format!("the disk hangs: a commit has been under way for {} s", running.as_secs());
            return json(503, &value!({ "ready": false, "reason": reason }));
        }
        match self.engine.probe_store().await {
            Ok(()) => json(200, &value!({ "ready": true })),
            Err(error) => {
                tracing::warn!("not ready: {error}");
                json(503, &value!({ "ready": false, "reason": error.to_string() }))
            }
        }
    }

    /// The app that a filter names. An app that nobody has is no error: nothing matches.
    fn app_filter(&self, params: &mut Params) -> Option<AppNo> {
        /// Apps are counted from 1.
        const NOBODY: AppNo = AppNo(0);
        let key = params.text("appKey")?;
        Some(self.engine.shared().registry.customers.by_key(&key).map_or(NOBODY, |app| app.no))
    }
}

/// The parts of a path, decoded. `None` when one is no UTF-8.
fn segments(path: &str) -> Option<Vec<String>> {
    path.split('/').map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())).collect()
}

/// Whether a header names `text/csv`, in a list or alone, and not with `q=0`.
fn mentions_csv(request: &Request, header: &HeaderName) -> bool {
    let values = request.headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/csv"));
        named && !parts.any(|part| matches!(part.strip_prefix("q=").map(str::parse), Some(Ok(0.0_f32))))
    })
}

/// `from` and `to`.
fn span(params: &mut Params) -> Result<Span, Fault> {
    let [from, to] = params.period()?;
    Ok(Span { from, to })
}

/// A page of a list of the store: `limit` rows, and one more that tells whether others follow.
struct PageAsked {
    list: &'static str,
    limit: usize,
    page: Page,
}

impl PageAsked {
    fn of(list: &'static str, params: &mut Params) -> Result<Self, Fault> {
        let (limit, before) = (params.limit()?, params.key_cursor(list)?);
        Ok(Self { list, limit, page: Page { before, limit: limit + 1 } })
    }

    fn reply<R, T: Serialize>(
        &self,
        rows: &[R],
        key_of: impl Fn(&R) -> RowKey,
        show: impl Fn(&R) -> T,
    ) -> Reply {
        self.reply_present(rows, key_of, |row| Some(show(row)))
    }

    /// The same for rows of which some may be gone when they are to be shown.
    fn reply_present<R, T: Serialize>(
        &self,
        rows: &[R],
        key_of: impl Fn(&R) -> RowKey,
        show: impl Fn(&R) -> Option<T>,
    ) -> Reply {
        let shown = &rows[..rows.len().min(self.limit)];
        let more = rows.len() > self.limit;
        let next_cursor = shown.last().filter(|_| more).map(|last| key_cursor(self.list, key_of(last)));
        json(200, &Listed { items: shown.iter().filter_map(show).collect(), next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_part_by_part() {
        assert_eq!(segments("numbers/%2B86/move").unwrap(), ["numbers", "+86", "move"]);
        assert_eq!(segments("numbers/+86").unwrap(), ["numbers", "+86"]);
        assert_eq!(segments("bans/2001%3Adb8::%2F64").unwrap(), ["bans", "2001:db8::/64"]);
        assert_eq!(segments("numbers/%FF"), None);
    }
}
