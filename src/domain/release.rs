//! Why a call ended: from what the switch reported to what the customer is told.
//!
//! One table feeds both the `disconnect` notice (stateCode, callbacks 8) and the CDR (ulFailReason,
//! fwdUnaswRsn, sipStatusCode; callbacks 9 to 11), so the two never disagree. The promise customers build on:
//! `ulFailReason` is 0 exactly when the call was answered, and then the other causes are 0 too.

/// A stateCode of the documented list; the number space of ulFailReason is the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateCode(u16);

impl StateCode {
    /// Answered, and hung up.
    pub const RELEASED: Self = Self(0);
    /// The caller hung up after the callee was dialled and before it rang.
    pub const CALLER_GAVE_UP_BEFORE_RINGING: Self = Self(7501);
    /// The caller hung up while the callee was ringing.
    pub const CALLER_GAVE_UP_WHILE_RINGING: Self = Self(7502);
    /// The callee rejected the call.
    pub const CALLEE_REJECTED: Self = Self(7503);
    /// The network failed on the caller's side.
    pub const CALLER_NETWORK: Self = Self(7505);
    /// The network failed on the callee's side.
    pub const CALLEE_NETWORK: Self = Self(7506);
    /// There is no route to the callee.
    pub const NO_ROUTE: Self = Self(7508);
    /// The caller hung up before the callee was dialled.
    pub const CALLER_GAVE_UP_BEFORE_FORWARDING: Self = Self(7516);
    /// The call reached its maximum duration.
    pub const MAX_DURATION: Self = Self(8010);
    /// X mode: the customer named a tone file that the app does not have.
    pub const TONE_MISSING: Self = Self(8006);
    /// AX: A calls, and no temporary callee is set.
    pub const NO_TEMPORARY_CALLEE: Self = Self(8013);
    /// AXB: no binding fits the call.
    pub const NO_BINDING: Self = Self(8014);
    /// The binding does not allow calls in this direction.
    pub const DIRECTION_NOT_ALLOWED: Self = Self(8016);
    /// X mode: the customer answered that the call is to end.
    pub const CLOSED_BY_CUSTOMER: Self = Self(8017);
    /// The caller may not use the service; includes that X has no AX binding.
    pub const NO_PERMISSION: Self = Self(8018);
    /// AX: the temporary callee has expired. AXE: A calls, and nobody called A.
    pub const NO_CALLBACK_RECORD: Self = Self(8019);
    /// Abnormal in a way that no other code describes.
    pub const ABNORMAL: Self = Self(8020);
    /// AXE: no binding has the extension that was keyed.
    pub const NO_AXE_BINDING: Self = Self(8022);
    /// AXYB: no binding fits the call.
    pub const NO_AXYB_BINDING: Self = Self(8030);
    /// AXYB: no Y could be given to the caller.
    pub const NO_Y: Self = Self(8031);
    /// AXYB: who calls dialled the number that stands for itself.
    pub const OWN_NUMBER: Self = Self(8032);
    /// AXE: the caller keyed no extension.
    pub const EMPTY_EXTENSION: Self = Self(8033);
    /// The call was not set up in time.
    pub const SETUP_TIMEOUT: Self = Self(8035);
    /// The X number may not be used for calls.
    pub const X_NOT_USABLE: Self = Self(8055);
    /// The app (the "sub-enterprise" of the state code page) is suspended.
    pub const APP_SUSPENDED: Self = Self(8051);
    /// The account behind the app is frozen.
    pub const ACCOUNT_FROZEN: Self = Self(7108);
    /// The callee's number does not exist.
    pub const NUMBER_MISSING: Self = Self(8100);
    /// The callee rang and did not answer.
    pub const NO_ANSWER: Self = Self(8101);
    /// The callee is busy.
    pub const BUSY: Self = Self(8102);
    /// The carrier did not reach the callee.
    pub const UNREACHABLE: Self = Self(8103);
    /// The callee's phone is off.
    pub const SWITCHED_OFF: Self = Self(8104);
    /// The callee's service is stopped.
    pub const SERVICE_STOPPED: Self = Self(8105);

    /// The code with this number; `None` when the list has no such number.
    pub fn from_number(number: u16) -> Option<Self> {
        DESCRIPTIONS.binary_search_by_key(&number, |row| row.0).ok().map(|_| Self(number))
    }

    /// Every code of the list, rising.
    pub fn all() -> impl Iterator<Item = Self> {
        DESCRIPTIONS.iter().map(|row| Self(row.0))
    }

    /// The number, for stateCode and ulFailReason.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The text of stateDesc: ASCII, at most 128 characters.
    pub fn desc(self) -> &'static str {
        let at = DESCRIPTIONS
            .binary_search_by_key(&self.0, |row| row.0)
            .expect("a StateCode is made from the list only");
        DESCRIPTIONS[at].1
    }
}

impl std::fmt::Debug for StateCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateCode({})", self.0)
    }
}

/// Who or what ended the call, as the switch saw it (interfaces, switch API: `by`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleasedBy {
    /// The side that dialled X.
    Caller,
    /// The side that X was connected to.
    Callee,
    /// The switch itself.
    Switch,
    /// This gateway: it rejected the call or was asked to stop it.
    Gateway,
    /// A timer of the switch, before the call was answered.
    Timeout,
    /// The limit on the length of the call.
    MaxDuration,
}

impl ReleasedBy {
    /// The word on the switch's wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Switch => "switch",
            Self::Gateway => "gateway",
            Self::Timeout => "timeout",
            Self::MaxDuration => "maxDuration",
        }
    }

    /// Inverse of [`ReleasedBy::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Caller, Self::Callee, Self::Switch, Self::Gateway, Self::Timeout, Self::MaxDuration]
            .into_iter()
            .find(|by| by.as_str() == word)
    }
}

/// What the switch said about the end. Any part may be missing or nonsense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReleaseReport {
    /// SIP status of the leg that failed.
    pub sip: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u16>,
    /// Who ended it.
    pub by: Option<ReleasedBy>,
}

/// How far the call had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallProgress {
    /// The callee was dialled (`callout`).
    pub forwarded: bool,
    /// The callee rang (`alerting`).
    pub alerted: bool,
    /// The callee answered.
    pub answered: bool,
    /// The route decision was a rejection, with this cause.
    pub rejected_with: Option<StateCode>,
}

/// What the customer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// stateCode of the `disconnect` notice; [`StateCode::desc`] is its stateDesc.
    pub state: StateCode,
    /// ulFailReason of the CDR: 0 exactly when the call was answered.
    pub fail_reason: u16,
    /// fwdUnaswRsn of the CDR: Q.850 cause of the leg to the callee, 0 when that leg is not to blame.
    pub q850: u16,
    /// sipStatusCode of the CDR: 0 when the call was answered.
    pub sip: u16,
}

impl Release {
    /// Applies the table. Always finds an answer.
    pub fn of(report: ReleaseReport, progress: CallProgress) -> Self {
        if progress.answered {
            let at_limit = report.by == Some(ReleasedBy::MaxDuration);
            let state = if at_limit { StateCode::MAX_DURATION } else { StateCode::RELEASED };
            return Self { state, fail_reason: 0, q850: 0, sip: 0 };
        }
        let sip = report.sip.filter(|status| (400..700).contains(status));
        if let Some(cause) = progress.rejected_with.filter(|&cause| cause != StateCode::RELEASED) {
            return Self::failed(cause, 0, sip.unwrap_or(403));
        }
        match report.by {
            // A stop that was asked for is nobody's fault. 7501 and 7502 would blame the caller in the
            // customer's statistics, 8017 belongs to X mode, so it is the code for "other abnormal". Q.850 31,
            // which switches send here, is left out: an old client takes it for success.
            Some(ReleasedBy::Gateway) => Self::failed(StateCode::ABNORMAL, 0, sip.unwrap_or(480)),
            Some(ReleasedBy::Caller) => Self::caller_gave_up(progress),
            Some(ReleasedBy::Timeout | ReleasedBy::MaxDuration) => Self::timed_out(progress, sip),
            _ if sip == Some(487) => Self::caller_gave_up(progress),
            Some(ReleasedBy::Callee | ReleasedBy::Switch) | None => {
                Self::leg_failed(sip, report.q850, report.by == Some(ReleasedBy::Callee), progress)
            }
        }
    }

    const fn failed(state: StateCode, q850: u16, sip: u16) -> Self {
        Self { state, fail_reason: state.0, q850, sip }
    }

    fn caller_gave_up(progress: CallProgress) -> Self {
        let state = if progress.alerted {
            StateCode::CALLER_GAVE_UP_WHILE_RINGING
        } else if progress.forwarded {
            StateCode::CALLER_GAVE_UP_BEFORE_RINGING
        } else {
            StateCode::CALLER_GAVE_UP_BEFORE_FORWARDING
        };
        Self::failed(state, 0, 487)
    }

    fn timed_out(progress: CallProgress, sip: Option<u16>) -> Self {
        if progress.alerted {
            Self::failed(StateCode::NO_ANSWER, 19, sip.filter(|status| *status == 408).unwrap_or(480))
        } else {
            Self::failed(StateCode::SETUP_TIMEOUT, 102, 408)
        }
    }

    /// The leg to the callee failed. The Q.850 cause, when one was given that says something, is the
    /// network's own word; without it the SIP status stands for one.
    fn leg_failed(sip: Option<u16>, q850: Option<u16>, by_callee: bool, progress: CallProgress) -> Self {
        // 0, 16 (normal clearing) and 31 (unspecified) say nothing about a call that was never answered.
        let reported = q850.filter(|cause| !matches!(cause, 0 | 16 | 31 | 128..));
        let q850 = match (reported, sip) {
            (Some(cause), _) => cause,
            (None, Some(status)) => q850_of_sip(status),
            (None, None) if by_callee => 21,
            (None, None) => 31,
        };
        let state = match (sip, q850) {
            (Some(603), _) | (_, 21) => StateCode::CALLEE_REJECTED,
            (Some(486 | 600), _) | (_, 17) => StateCode::BUSY,
            (_, 19) => return Self::failed(StateCode::NO_ANSWER, 19, sip.unwrap_or(480)),
            (Some(408 | 480), _) | (_, 102) if progress.alerted => {
                return Self::failed(StateCode::NO_ANSWER, 19, sip.unwrap_or(480));
            }
            (Some(408), _) | (_, 102) => return Self::failed(StateCode::SETUP_TIMEOUT, 102, 408),
            (_, 18 | 20) => StateCode::UNREACHABLE,
            (_, 27) => StateCode::SWITCHED_OFF,
            (Some(404 | 410 | 604), _) | (_, 1 | 22) => StateCode::NUMBER_MISSING,
            (_, 50 | 55 | 57) => StateCode::SERVICE_STOPPED,
            (_, 2 | 3) => StateCode::NO_ROUTE,
            (Some(484), _) | (_, 28) => StateCode::CALLEE_NETWORK,
            (Some(500..600), _) | (_, 34 | 38 | 41 | 42 | 44 | 47) if progress.forwarded => {
                StateCode::CALLEE_NETWORK
            }
            (Some(500..600), _) | (_, 34 | 38 | 41 | 42 | 44 | 47) => StateCode::CALLER_NETWORK,
            _ => StateCode::ABNORMAL,
        };
        Self::failed(state, q850, sip.unwrap_or_else(|| sip_of_state(state)))
    }
}

/// The cause that stands for a SIP status when the callee's side sent no Q.850 cause.
const fn q850_of_sip(status: u16) -> u16 {
    match status {
        403 | 603 => 21,
        404 | 410 | 604 => 1,
        408 => 102,
        480 => 18,
        484 => 28,
        486 | 600 => 17,
        502 => 38,
        503 => 41,
        _ => 31,
    }
}

/// The status that goes with a cause when the switch reported none (callbacks 11).
const fn sip_of_state(state: StateCode) -> u16 {
    match state {
        StateCode::CALLEE_REJECTED => 603,
        StateCode::BUSY => 486,
        StateCode::NUMBER_MISSING | StateCode::SERVICE_STOPPED | StateCode::NO_ROUTE => 404,
        StateCode::CALLER_NETWORK | StateCode::CALLEE_NETWORK => 503,
        _ => 480,
    }
}

/// stateCode and stateDesc, rising (callbacks 8). Only the text of 0 is prescribed.
const DESCRIPTIONS: &[(u16, &str)] = &[
    (0, "The user releases the call."),
    (522, "The voice ports of the platform are used up."),
    (7001, "The call rate of the developer is limited."),
    (7002, "The call rate of the application is limited."),
    (7003, "The call rate of the displayed number is limited."),
    (7004, "The callee is on the blacklist."),
    (7005, "The caller is on the blacklist."),
    (7100, "The application does not exist."),
    (7101, "The application has no private number."),
    (7102, "The platform behaved abnormally."),
    (7105, "The service type does not match."),
    (7106, "The application is not enabled for private numbers."),
    (7107, "The security prompt could not be played."),
    (7108, "The account of the application is frozen."),
    (7109, "The voice ports of the application are used up."),
    (7500, "The number prefix is restricted."),
    (7501, "The caller hung up before the callee was alerted."),
    (7502, "The caller hung up while the callee was alerted."),
    (7503, "The callee rejected the call."),
    (7504, "The call was rejected by the callee or a blocking service."),
    (7505, "The network of the caller failed."),
    (7506, "The network of the callee failed."),
    (7507, "The audio file does not exist."),
    (7508, "The call could not be routed."),
    (7516, "The caller hung up before the call was forwarded."),
    (8006, "The audio file of the call does not exist."),
    (8007, "The last-minute tone could not be played."),
    (8008, "Playing the tone and collecting digits failed."),
    (8010, "The call reached its maximum duration."),
    (8011, "The platform failed internally."),
    (8013, "No temporary callee is set for the AX binding."),
    (8014, "No binding matches the call."),
    (8015, "The recording failed."),
    (8016, "The binding does not allow this call direction."),
    (8017, "The customer ended the call."),
    (8018, "No AX binding permits the call."),
    (8019, "No callback record exists."),
    (8020, "The call was ended abnormally."),
    (8022, "The binding does not exist or has expired."),
    (8023, "A fixed-line number is not allowed as the caller."),
    (8024, "Displaying the real number of the caller is not allowed."),
    (8025, "The dialed private number does not exist."),
    (8030, "The AXYB binding does not exist."),
    (8031, "No Y number could be allocated."),
    (8032, "The caller dialed its own private number."),
    (8033, "The extension is empty."),
    (8035, "The call was not set up in time."),
    (8040, "The platform failed unexpectedly."),
    (8041, "The recording could not be started."),
    (8042, "Incoming international calls are barred."),
    (8043, "Outgoing international calls are barred."),
    (8044, "The call was stopped because of abnormal call times."),
    (8046, "The call was stopped because of an abnormal answer rate."),
    (8047, "The call rate of the caller is limited."),
    (8048, "The call rate of the callee is limited."),
    (8049, "The call rate of the service number is limited."),
    (8050, "Calls are not allowed at this time of day."),
    (8051, "The application that owns the private number is suspended."),
    (8055, "The private number is not available for calls and messages."),
    (8056, "The test-dial number is restricted."),
    (8057, "The call direction is restricted."),
    (8100, "The number of the callee does not exist."),
    (8101, "The callee did not answer."),
    (8102, "The callee is busy."),
    (8103, "The callee is unreachable."),
    (8104, "The phone of the callee is switched off."),
    (8105, "The service of the callee is suspended."),
    (8139, "The platform ended the call abnormally."),
];

#[cfg(test)]
mod tests;
