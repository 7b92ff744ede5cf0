//! Asking a customer something while somebody waits: once, under a short deadline, never again (delivery, X mode and
//! Block SMS). What is asked, and what follows from the answer, is the caller's business.
//!
//! A question is signed and guarded as any push (`outbound`), but it is no delivery: it is not stored before it is
//! made, not repeated, and takes no slot of the scheduler. Seats bound how many are under way ([`Bulkhead`]); who
//! finds none is told at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::deliverer::{not_pushed, push_to, recorded};
use super::random;
use crate::clock::{Clock, Stopwatch};
use crate::domain::bulkhead::{Bulkhead, BulkheadLimits, NoSeat};
use crate::domain::customer::CustomerApp;
use crate::domain::id::AppNo;
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;
use crate::outbound::{Attempt as Pushed, Outbound};
use crate::store::Attempt;

/// Most of an answer that is kept for operators, in bytes: as of a push.
const ANSWER_KEPT_MAX: usize = 4 * 1024;

/// How questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionLimits {
    /// From the look-up of the name to the end of the answer.
    pub timeout: Duration,
    /// How many may be under way.
    pub seats: BulkheadLimits,
}

/// Asks questions of one kind.
#[derive(Debug)]
pub(super) struct Questions {
    /// What they are about, in metrics.
    kind: &'static str,
    clock: Clock,
    outbound: Outbound,
    metrics: Metrics,
    timeout: Duration,
    seats: Mutex<Bulkhead>,
}

/// One question.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// Whom to ask.
    pub(super) app: &'a CustomerApp,
    /// Where; `None` = the app has no URL for it.
    pub(super) url: Option<&'a str>,
    /// What.
    pub(super) body: Vec<u8>,
    /// Tells it from others, for the log and for `webhook-id`; plain ASCII.
    pub(super) id: String,
    /// Most of the answer that is read, in bytes.
    pub(super) answer_max: usize,
}

/// What came of a question.
#[derive(Debug)]
pub(super) struct Asked {
    /// The record of it. Its `failure` says why there is no answer to follow.
    pub(super) record: Attempt,
    /// The answer, whole, if its status and its length are right and it came in time.
    pub(super) answer: Option<Bytes>,
}

impl Questions {
    pub(super) fn new(
        kind: &'static str,
        clock: Clock,
        outbound: Outbound,
        metrics: Metrics,
        limits: QuestionLimits,
    ) -> Self {
        let seats = Mutex::new(Bulkhead::new(limits.seats));
        Self { kind, clock, outbound, metrics, timeout: limits.timeout, seats }
    }

    /// What time it is for questions.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks once. Ends within the time limit, whatever the customer does.
    pub(super) async fn ask(&self, question: Question<'_>) -> Asked {
        let Question { app, url, body, id, answer_max } = question;
        let began = self.clock.now();
        let Some(url) = url else {
            return self.not_asked(not_pushed(began, "the app has no URL for questions"), "no_url");
        };
        let _seat = match Seat::take(&self.seats, app.no) {
            Ok(seat) => seat,
            Err(full) => return self.not_asked(not_pushed(began, &full.to_string()), "full"),
        };
        let push = push_to(app, url, Bytes::from(body), id, began);
        let stopwatch = Stopwatch::start();
        let pushed = self.outbound.ask(&push, began, random::nonce(), self.timeout, answer_max).await;
        self.metrics
            .question_seconds
            .with_label_values(&[self.kind])
            .observe(stopwatch.elapsed().as_secs_f64());
        let (mut record, _) = recorded(began, url, &pushed, app.accept_any_2xx);
        if record.failure.is_none() && !pushed.answer.whole {
            record.failure = Some(self.cut_short(&pushed, answer_max).into());
        }
        let kept = record.answer.len().min(ANSWER_KEPT_MAX);
        record.answer = record.answer[..kept].into();
        let answer = record.failure.is_none().then_some(pushed.answer.body);
        self.count(if answer.is_some() { "answered" } else { "failed" });
        Asked { record, answer }
    }

    fn not_asked(&self, record: Attempt, result: &str) -> Asked {
        self.count(result);
        Asked { record, answer: None }
    }

    fn count(&self, result: &str) {
        self.metrics.questions.with_label_values(&[self.kind, result]).inc();
    }

    /// Why an answer with the right status is not whole.
    fn cut_short(&self, pushed: &Pushed, answer_max: usize) -> String {
        if pushed.answer.body.len() >= answer_max {
            format!("the answer has more than {answer_max} bytes")
        } else if pushed.timings.total >= self.timeout {
            format!("the answer was not complete within {} s", self.timeout.as_secs_f64())
        } else {
            "the connection broke off in the middle of the answer".into()
        }
    }
}

/// A seat that is held as long as this lives.
struct Seat<'a> {
    seats: &'a Mutex<Bulkhead>,
    app: AppNo,
}

impl<'a> Seat<'a> {
    fn take(seats: &'a Mutex<Bulkhead>, app: AppNo) -> Result<Self, NoSeat> {
        lock(seats).take(app)?;
        Ok(Self { seats, app })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        lock(self.seats).give_back(self.app);
    }
}

fn lock(seats: &Mutex<Bulkhead>) -> MutexGuard<'_, Bulkhead> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}
