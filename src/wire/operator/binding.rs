//! Bindings as operators see them, whatever their mode.

use serde::Serialize;

use super::time;
use crate::domain::binding::{AnyBinding, Binding, Expiry, UnbindCause, Yb};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::id::PublicIds;
use crate::domain::number::E164;
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// One binding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingAnswer {
    subscription_id: String,
    /// AXYB: the id of one B alone.
    yb_id: Option<String>,
    app_key: String,
    mode: &'static str,
    number: String,
    y_number: Option<String>,
    party_a: String,
    party_b: Option<String>,
    extension: Option<String>,
    call_direction: u8,
    duration: u32,
    expires_at: Option<String>,
    max_duration: u16,
    record_flag: bool,
    user_data: Option<Box<str>>,
    since: String,
    temporary_callee: Option<TemporaryCallee>,
    ended_at: Option<String>,
    end_cause: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TemporaryCallee {
    callee_num: String,
    expires_at: String,
}

impl BindingAnswer {
    /// For a binding of `app`; with why and when it ended, if it did.
    pub fn of(
        binding: &AnyBinding,
        app: &CustomerApp,
        ended: Option<(UnbindCause, Timestamp)>,
        ids: &PublicIds,
    ) -> Self {
        let answer = match binding {
            AnyBinding::Ax(binding) => {
                let next = binding.relation.next_callee.as_deref();
                let temporary_callee = next.map(|next| TemporaryCallee {
                    callee_num: next.callee.expose(),
                    expires_at: format_rfc3339_millis(next.until),
                });
                Self { temporary_callee, ..common(binding, Mode::Ax, binding.relation.a, app, ids) }
            }
            AnyBinding::Axb(binding) => {
                let pair = binding.relation.pair;
                Self {
                    party_b: Some(pair.b().expose()),
                    duration: binding.relation.duration_secs,
                    ..common(binding, Mode::Axb, pair.a(), app, ids)
                }
            }
            AnyBinding::Axe(binding) => Self {
                extension: Some(binding.relation.extension.to_string()),
                duration: binding.relation.life.secs(),
                ..common(binding, Mode::Axe, binding.relation.a, app, ids)
            },
            AnyBinding::Axyb(binding) => Self {
                duration: binding.relation.duration_secs,
                ..common(binding, Mode::Axyb, binding.relation.a, app, ids)
            },
            AnyBinding::Yb(binding) => {
                let Yb { ax, y, pair, duration_secs } = binding.relation;
                Self {
                    subscription_id: ids.subscription(ax),
                    yb_id: Some(ids.subscription(binding.id)),
                    y_number: Some(y.expose()),
                    party_b: Some(pair.b().expose()),
                    duration: duration_secs,
                    ..common(binding, Mode::Axyb, pair.a(), app, ids)
                }
            }
        };
        Self {
            ended_at: time(ended.map(|(_, at)| at)),
            end_cause: ended.map(|(cause, _)| cause.as_str()),
            ..answer
        }
    }
}

/// What does not depend on the mode; the rest empty.
fn common<R>(binding: &Binding<R>, mode: Mode, a: E164, app: &CustomerApp, ids: &PublicIds) -> BindingAnswer {
    let terms = &binding.terms;
    BindingAnswer {
        subscription_id: ids.subscription(binding.id),
        yb_id: None,
        app_key: app.key.to_string(),
        mode: mode.as_str(),
        number: binding.x.expose(),
        y_number: None,
        party_a: a.expose(),
        party_b: None,
        extension: None,
        call_direction: terms.direction.code(),
        duration: 0,
        expires_at: match binding.expiry {
            Expiry::Never => None,
            Expiry::At(at) => Some(format_rfc3339_millis(at)),
        },
        max_duration: terms.max_duration_minutes,
        record_flag: terms.record,
        user_data: terms.extras().user_data.clone(),
        since: format_rfc3339_millis(binding.since),
        temporary_callee: None,
        ended_at: None,
        end_cause: None,
    }
}
