//! What was found: one line per check, for people and for machines.

use std::fmt::Write as _;

use serde::Serialize;

use super::names::Names;
use crate::cli::operator::{Kind, Table, plain};

/// Something that either works or does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    /// For programs; never renamed.
    pub(super) id: &'static str,
    /// What works when it works.
    pub(super) title: &'static str,
    /// What to do when it does not.
    pub(super) advice: &'static str,
}

/// Constants from lines of `NAME = id, title, advice`.
macro_rules! checks {
    ($($name:ident = $id:literal, $title:literal, $advice:literal;)*) => {
        $(pub(super) const $name: Check = Check { id: $id, title: $title, advice: $advice };)*
    };
}

pub(super) use checks;

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    /// It works.
    Ok,
    /// There was nothing where something must be.
    Missing,
    /// There was something else than there must be.
    Wrong,
    /// It could not be tried, and says why. No failure.
    NotChecked,
}

/// A check and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) title: &'static str,
    pub(super) verdict: Verdict,
    /// What was seen. Once it is in a report the numbers in it are masked.
    pub(super) seen: String,
    /// Absent when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

impl Check {
    pub(super) fn ok(&self, seen: impl Into<String>) -> Finding {
        self.found(Verdict::Ok, seen.into())
    }

    pub(super) fn missing(&self, seen: impl Into<String>) -> Finding {
        self.found(Verdict::Missing, seen.into())
    }

    pub(super) fn wrong(&self, seen: impl Into<String>) -> Finding {
        self.found(Verdict::Wrong, seen.into())
    }

    pub(super) fn not_checked(&self, why: impl Into<String>) -> Finding {
        self.found(Verdict::NotChecked, why.into())
    }

    fn found(&self, verdict: Verdict, seen: String) -> Finding {
        let failed = matches!(verdict, Verdict::Missing | Verdict::Wrong);
        let advice = failed.then_some(self.advice);
        Finding { check: self.id, title: self.title, verdict, seen, advice }
    }
}

impl Verdict {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::NotChecked => "not checked",
        }
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    checks: Vec<Finding>,
    names: Names,
}

impl Report {
    /// From now on findings call this number so.
    pub(super) fn know(&mut self, number: &str, name: &'static str) {
        self.names.know(number, name);
    }

    /// Takes a finding, with the numbers in it masked.
    pub(super) fn add(&mut self, mut finding: Finding) {
        finding.seen = self.names.masked(&finding.seen);
        self.checks.push(finding);
    }

    /// Whether nothing is missing and nothing is wrong.
    pub(super) fn is_good(&self) -> bool {
        self.of(Verdict::Missing).chain(self.of(Verdict::Wrong)).next().is_none()
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(move |finding| finding.verdict == verdict)
    }

    /// One object on one line.
    pub(super) fn as_json(&self) -> String {
        serde_json::json!({"ok": self.is_good(), "checks": self.checks}).to_string()
    }

    /// A table, then what to do about each thing that is missing or wrong, then the count. `width` = columns of
    /// the terminal.
    pub(super) fn in_words(&self, width: Option<u16>) -> String {
        let columns = [("RESULT", Kind::Whole), ("CHECK", Kind::Prose), ("WHAT WAS SEEN", Kind::Prose)];
        let mut table = Table::new(columns.to_vec());
        for finding in &self.checks {
            table.add([finding.verdict.in_words().into(), finding.title.into(), finding.seen.clone()]);
        }
        let mut text = table.render(width);
        for finding in &self.checks {
            if let Some(advice) = finding.advice {
                let (verdict, title) = (finding.verdict.in_words(), finding.title);
                let seen = plain(&finding.seen);
                write!(text, "\n\n{verdict}: {title}\n  seen: {seen}\n  {advice}")
                    .expect("a String takes every text");
            }
        }
        let count = |verdict| self.of(verdict).count();
        let [ok, missing] = [Verdict::Ok, Verdict::Missing].map(count);
        let [wrong, not_checked] = [Verdict::Wrong, Verdict::NotChecked].map(count);
        text + &format!("\n\n{ok} ok, {missing} missing, {wrong} wrong, {not_checked} not checked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check = Check { id: "a.b", title: "it works", advice: "Make it work." };

    #[test]
    fn what_fails_is_told_with_what_to_do() {
        let mut report = Report::default();
        report.add(CHECK.ok("200"));
        report.add(CHECK.not_checked("no --control"));
        assert!(report.is_good());
        report.add(CHECK.wrong("500"));
        assert!(!report.is_good());
        assert_eq!(
            report.in_words(None),
            "RESULT       CHECK     WHAT WAS SEEN\nok           it works  200\n\
             not checked  it works  no --control\nwrong        it works  500\n\n\
             wrong: it works\n  seen: 500\n  Make it work.\n\n1 ok, 0 missing, 1 wrong, 1 not checked"
        );
    }

    #[test]
    fn machines_get_the_same_with_names() {
        let mut report = Report::default();
        report.add(CHECK.missing("nothing"));
        assert_eq!(
            report.as_json(),
            r#"{"checks":[{"advice":"Make it work.","check":"a.b","seen":"nothing","title":"it works","verdict":"missing"}],"ok":false}"#
        );
    }
}
