//! What the application was told, read from its notices.

use hyper::Method;
use serde_json::Value;

use super::super::checks as c;
use super::super::judge::{
    Answer, Notice, Wanted, cdr_of, judge, judge_cdr, judge_message, judge_stages, messages, page, said,
};
use super::super::mode::Mode;
use super::{Call, Played, Script};
use crate::clock::Stopwatch;

const RECORD_LINK: &str = "/rest/provision/voice/record/v1.0";
const NOTICES: &str = "/rest/notifications/v1";
/// Pages of old notices that are read to find where the new ones begin.
const OLD_PAGES_MAX: usize = 200;
/// Between two looks at what the application was told.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

impl Script {
    async fn fetch(&self, after: Option<&str>) -> Result<(Vec<Notice>, String), String> {
        let mut query = vec![("limit", "1000")];
        query.extend(after.map(|after| ("after", after)));
        let heard: Answer = self.peer.ask(Method::GET, NOTICES, &query, None).await?;
        page(&heard).ok_or_else(|| format!("{NOTICES} answers {}{}", heard.status, said(&heard.body)))
    }

    /// Where the notices of this run will begin.
    pub(super) async fn end_of_notices(&self) -> Result<String, String> {
        let mut after: Option<String> = None;
        for _ in 0..OLD_PAGES_MAX {
            let (old, next) = self.fetch(after.as_deref()).await?;
            if old.is_empty() {
                return Ok(next);
            }
            after = Some(next);
        }
        Err("the app has too many old notices: take one that is made for checks".to_owned())
    }

    /// Judges what the application was told of what was played.
    pub(super) async fn told(&mut self, start: Result<String, String>, played: &Played, mode: Mode) {
        let notices = match start {
            Ok(start) => self.collect(start, played).await,
            Err(why) => Err(why),
        };
        let notices = match &notices {
            Ok(notices) => notices,
            Err(why) => return self.without_notices(why, played),
        };
        if let Some([call, reversed]) = &played.calls {
            self.report.add(judge_stages(&c::NOTICES, notices, &call.session, mode.stages()));
            let stages = judge_stages(&c::NOTICES_REVERSED, notices, &reversed.session, mode.stages());
            self.report.add(stages);
            for call in [call, reversed] {
                self.report.add(judge_cdr(&c::CDR, notices, &call.session));
            }
            self.link(call, cdr_of(notices, &call.session).first().copied()).await;
        }
        if let Some(identifier) = &played.message {
            self.report.add(judge_message(&c::NOTICES_MESSAGE, notices, identifier));
        }
    }

    /// Reads until everything that was played is in it or the time is over.
    async fn collect(&self, start: String, played: &Played) -> Result<Vec<Notice>, String> {
        let (mut after, mut notices, waiting) = (start, Vec::new(), Stopwatch::start());
        loop {
            let (more, next) = self.fetch(Some(&after)).await?;
            notices.extend(more);
            after = next;
            let mut calls = played.calls.iter().flatten();
            let complete = calls.all(|call| !cdr_of(&notices, &call.session).is_empty())
                && played.message.iter().all(|known| messages(&notices, known).next().is_some());
            if complete || waiting.elapsed() > self.wait {
                return Ok(notices);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn without_notices(&mut self, why: &str, played: &Played) {
        if played.calls.is_some() {
            for check in [&c::NOTICES, &c::NOTICES_REVERSED, &c::CDR, &c::LINK] {
                self.report.add(check.missing(why));
            }
        }
        if played.message.is_some() {
            self.report.add(c::NOTICES_MESSAGE.missing(why));
        }
    }

    async fn link(&mut self, call: &Call, cdr: Option<&Value>) {
        if !call.is_recorded {
            return self.report.add(c::LINK.not_checked("the app has no recording"));
        }
        let text = |member: &str| cdr.and_then(|cdr| cdr[member].as_str()).unwrap_or_default().to_owned();
        let (domain, object) = (text("recordDomain"), text("recordObjectName"));
        if object.is_empty() {
            return self.report.add(c::LINK.missing("the CDR names no recording"));
        }
        let query = [("recordDomain", domain.as_str()), ("fileName", object.as_str())];
        let heard = self.peer.ask(Method::GET, RECORD_LINK, &query, None).await;
        self.report.add(match &heard {
            Ok(Answer { status: 301, location: Some(_), .. }) => c::LINK.ok("301 with Location"),
            Ok(Answer { status: 301, .. }) => c::LINK.missing("301 without Location"),
            _ => judge(&c::LINK, &heard, &Wanted::status(301)),
        });
    }
}
