//! Answers of the operator listener that are failures: every one has its code in proto-docs/operator.md.

use std::borrow::Cow;

use crate::api::json;
use crate::domain::refusal::Refusal;
use crate::engine::job::{ReplayRefusal, SettingFault, Unserved};
use crate::http::{BodyError, Reply};
use crate::store::StoreError;
use crate::wire::operator::{ErrorAnswer, ErrorBody, Unusable};
use crate::wire::result_code::ResultCode;

use super::super::rejection::Rejection;

/// A request that is answered with a failure.
#[derive(Clone, Debug)]
pub struct Fault {
    status: u16,
    code: &'static str,
    message: Cow<'static, str>,
    field: Option<String>,
    resultcode: Option<&'static str>,
    /// For the log only.
    detail: Option<String>,
}

impl Fault {
    /// With a code and a sentence for people.
    pub fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), field: None, resultcode: None, detail: None }
    }

    /// There is no such URI.
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "there is no such URI")
    }

    /// No app has the key.
    pub fn app_not_found() -> Self {
        Self::new(404, "app_not_found", "no app has this key")
    }

    /// No live or ended binding has the subscriptionId.
    pub fn binding_not_found() -> Self {
        Self::new(404, "binding_not_found", "there is no such binding")
    }

    /// Why a bind on behalf of an app is not carried out: something is wrong with the request, the gateway
    /// cannot serve it, or the rules of the customer API say no.
    pub fn of_bind(rejection: &Rejection) -> Self {
        match rejection.code {
            ResultCode::InternalError if !rejection.what.is_empty() => {
                Self::new(503, "unavailable", rejection.what.trim().to_owned())
            }
            ResultCode::InternalError | ResultCode::FlowControl => Self::new(
                503,
                "unavailable",
                "stopping, overloaded or not able to store; nothing was changed",
            ),
            ResultCode::InvalidRequest => Self {
                field: rejection.culprit().map(str::to_owned),
                resultcode: Some(rejection.code.code()),
                ..Self::new(400, "invalid_request", rejection.text())
            },
            code => {
                Self { resultcode: Some(code.code()), ..Self::new(409, "binding_refused", rejection.text()) }
            }
        }
    }

    /// The answer.
    pub fn reply(self) -> Reply {
        let error = ErrorBody {
            code: self.code,
            message: &self.message,
            field: self.field.as_deref(),
            resultcode: self.resultcode,
        };
        let reply = json(self.status, &ErrorAnswer { error });
        match self.detail {
            Some(detail) => reply.with_detail(detail),
            None => reply,
        }
    }
}

impl From<Unusable> for Fault {
    fn from(unusable: Unusable) -> Self {
        Self { field: unusable.field, ..Self::new(400, "invalid_request", unusable.message) }
    }
}

impl From<Unserved> for Fault {
    fn from(why: Unserved) -> Self {
        Self::new(503, "unavailable", why.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self { detail: Some(error.to_string()), ..Self::from(Unserved::StoreUnavailable) }
    }
}

impl From<SettingFault> for Fault {
    fn from(fault: SettingFault) -> Self {
        let (status, code) = match fault {
            SettingFault::AppExists => (409, "app_exists"),
            SettingFault::NumberExists => (409, "number_exists"),
            SettingFault::NumberNotFound => (404, "number_not_found"),
            SettingFault::NumberBound => (409, "number_bound"),
            SettingFault::ToneNotFound => (404, "tone_not_found"),
            SettingFault::TooManyTones => (409, "too_many_tones"),
            // What is so already counts as done, so nobody is answered with this.
            SettingFault::Unchanged => (400, "invalid_request"),
        };
        Self::new(status, code, fault.to_string())
    }
}

impl From<ReplayRefusal> for Fault {
    fn from(refusal: ReplayRefusal) -> Self {
        let code = match refusal {
            ReplayRefusal::TooMany => "too_many_replays",
            ReplayRefusal::Finished => "replay_finished",
        };
        Self::new(409, code, refusal.to_string())
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::new(413, "too_large", "the body is larger than 16 MiB"),
            BodyError::TooSlow => Self::new(408, "too_slow", "the body took too long"),
            BodyError::Broken => Self::new(400, "invalid_request", "the body is cut short"),
        }
    }
}

/// An unbind on behalf of an app is only ever refused because the binding has just ended.
impl From<Refusal> for Fault {
    fn from(_: Refusal) -> Self {
        Self::binding_not_found()
    }
}
