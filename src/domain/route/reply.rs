//! X mode: what the customer answers when asked where a call goes, and what follows from it (customer-api 7,
//! callbacks 3).

use std::time::Duration;

use super::{Connect, Reject, RejectCause, Route, Through};
use crate::domain::customer::CustomerApp;
use crate::domain::id::AppNo;
use crate::domain::number::{E164, XNumber};

/// A customer's answer, each member in its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `connect`: forward the call.
    Connect(Box<Forward>),
    /// `close`: end it.
    Close(Close),
}

/// `connectInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// `calleeNum`: the real callee.
    pub callee: E164,
    /// `displayCalleeNum`: what the callee is to see.
    pub display: Option<E164>,
    /// `maxDuration`, 0 to 1,440 from the answer; 0 = unlimited.
    pub max_duration_minutes: u16,
    /// `recordFlag`.
    pub record: bool,
    /// `waitVoice`: for the caller instead of ring-back.
    pub wait_tone: Option<Box<str>>,
    /// `calleeHintVoice`: for the callee after the answer.
    pub callee_tone: Option<Box<str>>,
    /// `recordHintTone`: before recording.
    pub record_tone: Option<Box<str>>,
    /// `lastMinVoice`: one minute before the longest call ends.
    pub last_minute_tone: Option<Box<str>>,
    /// `userData`.
    pub user_data: Option<Box<str>>,
}

/// `closeInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// `closeHintTone`: for the caller before the end.
    pub tone: Option<Box<str>>,
    /// `userData`.
    pub user_data: Option<Box<str>>,
}

impl Reply {
    /// The tone files that are named, each with the member that names it.
    pub fn tones(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = match self {
            Self::Connect(forward) => vec![
                ("connectInfo.waitVoice", &forward.wait_tone),
                ("connectInfo.calleeHintVoice", &forward.callee_tone),
                ("connectInfo.recordHintTone", &forward.record_tone),
                ("connectInfo.lastMinVoice", &forward.last_minute_tone),
            ],
            Self::Close(close) => vec![("closeInfo.closeHintTone", &close.tone)],
        };
        named.into_iter().filter_map(|(member, tone)| Some((member, tone.as_deref()?)))
    }
}

/// What a reply is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a> {
    /// The app that was asked.
    pub app: &'a CustomerApp,
    /// The number that was dialled.
    pub x: XNumber,
    /// The app to which `calleeNum` is lent, if it is a number of ours.
    pub callee_of: Option<AppNo>,
    /// The app to which `displayCalleeNum` is lent, if it is a number of ours.
    pub display_of: Option<AppNo>,
    /// A tone file that the reply names and that the app does not have approved, with the member that names it.
    pub missing_tone: Option<(&'static str, &'a str)>,
}

/// Why a reply that could be read is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyRefused {
    /// What the customer is told.
    pub cause: RejectCause,
    /// Which member, and what is wrong with it, numbers masked: for the operator.
    pub why: String,
}

/// What a reply comes to.
///
/// The callee sees an X of the app. `displayCalleeNum` chooses another one than the dialled; whatever else it names,
/// the caller's own number included, the dialled X is shown instead, as carriers want it (callbacks 3). A number
/// that is lent out is nobody's telephone: forwarding to one would only come back to the gateway. Recording is asked
/// of the switch only for an app that has it.
pub fn follow(reply: Reply, lent: Lent<'_>) -> Result<Route, ReplyRefused> {
    if let Some((member, tone)) = lent.missing_tone.filter(|_| lent.app.check_tones) {
        let why = format!("{member}: the app has no approved tone file {tone}");
        return Err(ReplyRefused { cause: RejectCause::ToneMissing, why });
    }
    let through =
        |user_data| Through { subscription: None, a_calls: false, extension: None, x: None, user_data };
    let forward = match reply {
        Reply::Connect(forward) => *forward,
        Reply::Close(Close { tone, user_data }) => {
            let (cause, through) = (RejectCause::ClosedByCustomer, Some(through(user_data)));
            return Ok(Route::Reject(Reject { cause, through, tone }));
        }
    };
    if lent.callee_of.is_some() {
        let why = format!("connectInfo.calleeNum {} is an X number, not a telephone", forward.callee);
        return Err(ReplyRefused { cause: RejectCause::ReplyUnusable, why });
    }
    let own = lent.display_of == Some(lent.app.no);
    let record = forward.record && lent.app.recording;
    let limited = forward.max_duration_minutes > 0;
    Ok(Route::Connect(Box::new(Connect {
        callee: forward.callee,
        display: forward.display.filter(|_| own).map_or(lent.x, XNumber::new),
        max_duration: limited.then(|| Duration::from_secs(60 * u64::from(forward.max_duration_minutes))),
        record,
        caller_tone: forward.wait_tone,
        callee_tone: forward.callee_tone,
        record_tone: forward.record_tone.filter(|_| record),
        last_minute_tone: forward.last_minute_tone.filter(|_| limited),
        through: through(forward.user_data),
    })))
}

/// What a reply must have said that was lost in a crash: the switch has dialled this callee.
pub fn forwarded(callee: E164, x: XNumber) -> Route {
    Route::Connect(Box::new(Connect {
        callee,
        display: x,
        max_duration: None,
        record: false,
        caller_tone: None,
        callee_tone: None,
        record_tone: None,
        last_minute_tone: None,
        through: Through { subscription: None, a_calls: false, extension: None, x: None, user_data: None },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::customer::Mode;
    use crate::store::contract::sample::plain_app;

    const X: u64 = 8_617_000_000_001;
    const OTHER_X: u64 = 8_617_000_000_002;

    fn number(word: u64) -> E164 {
        E164::from_word(word).unwrap()
    }

    fn app() -> CustomerApp {
        CustomerApp { mode: Mode::X, ..plain_app(1) }
    }

    fn lent(app: &CustomerApp) -> Lent<'_> {
        let x = XNumber::new(number(X));
        Lent { app, x, callee_of: None, display_of: None, missing_tone: None }
    }

    fn forward() -> Forward {
        let tone = |name: &str| Some(Box::from(name));
        Forward {
            callee: number(8_613_800_000_002),
            display: None,
            max_duration_minutes: 60,
            record: true,
            wait_tone: tone("wait.wav"),
            callee_tone: tone("callee.wav"),
            record_tone: tone("record.wav"),
            last_minute_tone: tone("last.wav"),
            user_data: tone("u"),
        }
    }

    fn connected(forward: Forward, lent: Lent<'_>) -> Connect {
        match follow(Reply::Connect(Box::new(forward)), lent) {
            Ok(Route::Connect(connect)) => *connect,
            other => panic!("not connected: {other:?}"),
        }
    }

    #[test]
    fn the_callee_sees_an_x_of_the_app_and_never_another_number() {
        let app = app();
        let shown = |display: Option<u64>, display_of| {
            let forward = Forward { display: display.map(number), ..forward() };
            connected(forward, Lent { display_of, ..lent(&app) }).display
        };
        let [x, other] = [X, OTHER_X].map(|word| XNumber::new(number(word)));
        for (display, display_of, expected) in [
            (None, None, x),
            (Some(X), Some(AppNo(1)), x),
            (Some(OTHER_X), Some(AppNo(1)), other),
            (Some(OTHER_X), Some(AppNo(2)), x),
            (Some(8_613_800_000_009), None, x),
        ] {
            assert_eq!(shown(display, display_of), expected, "{display:?} of {display_of:?}");
        }
    }

    #[test]
    fn a_callee_that_is_lent_out_is_refused_whoever_has_it() {
        for owner in [1, 2].map(AppNo) {
            let (app, reply) = (app(), Reply::Connect(Box::new(forward())));
            let refused = follow(reply, Lent { callee_of: Some(owner), ..lent(&app) }).unwrap_err();
            assert_eq!(refused.cause, RejectCause::ReplyUnusable);
            assert_eq!(refused.why, "connectInfo.calleeNum +86138****0002 is an X number, not a telephone");
        }
    }

    #[test]
    fn a_call_is_recorded_only_for_an_app_that_has_recording() {
        let app = app();
        let without = connected(forward(), lent(&app));
        assert_eq!((without.record, without.record_tone), (false, None));
        let app = CustomerApp { recording: true, ..app };
        let with = connected(forward(), lent(&app));
        assert_eq!((with.record, with.record_tone.as_deref()), (true, Some("record.wav")));
        let unwanted = connected(Forward { record: false, ..forward() }, lent(&app));
        assert_eq!((unwanted.record, unwanted.record_tone), (false, None));
    }

    #[test]
    fn a_limit_is_in_minutes_and_without_one_nothing_is_said_in_the_last() {
        let app = app();
        let limited = connected(forward(), lent(&app));
        assert_eq!(limited.max_duration, Some(Duration::from_secs(3_600)));
        assert_eq!(limited.last_minute_tone.as_deref(), Some("last.wav"));
        let unlimited = connected(Forward { max_duration_minutes: 0, ..forward() }, lent(&app));
        assert_eq!((unlimited.max_duration, unlimited.last_minute_tone), (None, None));
        assert_eq!(unlimited.caller_tone.as_deref(), Some("wait.wav"));
        assert_eq!(unlimited.callee_tone.as_deref(), Some("callee.wav"));
    }

    #[test]
    fn user_data_goes_with_the_call_whether_it_is_connected_or_closed() {
        let app = app();
        let through = connected(forward(), lent(&app)).through;
        assert_eq!((through.subscription, through.user_data.as_deref()), (None, Some("u")));
        let close = Close { tone: Some("bye.wav".into()), user_data: Some("v".into()) };
        let Ok(Route::Reject(reject)) = follow(Reply::Close(close), lent(&app)) else { panic!("not closed") };
        assert_eq!((reject.cause, reject.tone.as_deref()), (RejectCause::ClosedByCustomer, Some("bye.wav")));
        assert_eq!(reject.through.unwrap().user_data.as_deref(), Some("v"));
    }

    #[test]
    fn a_missing_tone_matters_only_to_an_app_that_has_its_tones_checked() {
        let missing_tone = Some(("connectInfo.waitVoice", "wait.wav"));
        let reply = || Reply::Connect(Box::new(forward()));
        let app = app();
        assert!(follow(reply(), Lent { missing_tone, ..lent(&app) }).is_ok());
        let app = CustomerApp { check_tones: true, ..app };
        let refused = follow(reply(), Lent { missing_tone, ..lent(&app) }).unwrap_err();
        assert_eq!(refused.cause, RejectCause::ToneMissing);
        assert_eq!(refused.why, "connectInfo.waitVoice: the app has no approved tone file wait.wav");
    }

    #[test]
    fn every_tone_is_named_with_its_member() {
        let members = |reply: Reply| reply.tones().map(|(member, _)| member).collect::<Vec<_>>();
        assert_eq!(
            members(Reply::Connect(Box::new(forward()))),
            [
                "connectInfo.waitVoice",
                "connectInfo.calleeHintVoice",
                "connectInfo.recordHintTone",
                "connectInfo.lastMinVoice"
            ]
        );
        let close = Close { tone: Some("bye.wav".into()), user_data: None };
        assert_eq!(members(Reply::Close(close)), ["closeInfo.closeHintTone"]);
        assert_eq!(members(Reply::Close(Close::default())), [""; 0]);
    }
}
