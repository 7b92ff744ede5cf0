//! How findings speak of telephone numbers: masked as everywhere, those that have a part in the play with its name. What
//! the command prints is pasted into tickets, and the numbers are people's.

use crate::domain::number::E164;

/// From so many digits on a number is taken for a telephone number without a `+`, too: codes have seven at most.
const BARE_DIGITS_MIN: usize = 8;
/// Longest text of a finding, in characters: what a stranger answers is not known to end.
const SEEN_CHARS_MAX: usize = 400;

/// The numbers that have a part.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(E164, &'static str)>);

impl Names {
    /// From now on `number` is called so. What is no number has no part.
    pub(super) fn know(&mut self, number: &str, name: &'static str) {
        if let Ok(number) = E164::from_digits(number.trim_start_matches('+')) {
            self.0.retain(|(known, _)| *known != number);
            self.0.push((number, name));
        }
    }

    /// The text with every number in it masked.
    pub(super) fn masked(&self, text: &str) -> String {
        let (mut masked, mut rest) = (String::new(), text);
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let (digits, after) =
                from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
            match self.number(digits, before.ends_with('+')) {
                Some(number) => masked.extend([before.strip_suffix('+').unwrap_or(before), &number]),
                None => masked.extend([before, digits]),
            }
            rest = after;
        }
        masked.push_str(rest);
        if masked.chars().count() > SEEN_CHARS_MAX {
            masked = masked.chars().take(SEEN_CHARS_MAX).chain("...".chars()).collect();
        }
        masked
    }

    /// How to write these digits; `None` = they are no telephone number.
    fn number(&self, digits: &str, has_plus: bool) -> Option<String> {
        let number = E164::from_digits(digits).ok();
        let name = self.0.iter().find(|(known, _)| Some(*known) == number).map(|(_, name)| name);
        match (name, number) {
            _ if !has_plus && digits.len() < BARE_DIGITS_MIN => None,
            (Some(name), Some(number)) => Some(format!("{name} ({number})")),
            (None, Some(number)) if has_plus => Some(number.to_string()),
            (None, Some(number)) => Some(number.to_string().trim_start_matches('+').to_owned()),
            (_, None) => Some("****".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_wherever_they_stand_and_named_when_they_have_a_part() {
        let mut names = Names::default();
        names.know("+8613800000001", "A");
        names.know("+8617000000001", "X");
        for (text, seen) in [
            ("callee +8613800000001", "callee A (+86138****0001)"),
            ("\"8613800000001\"", "\"A (+86138****0001)\""),
            (
                "nothing on +8617000000001 for tel:+8613800000009",
                "nothing on X (+86170****0001) for tel:+86138****0009",
            ),
            ("call-13800000009-1", "call-138****0009-1"),
            ("+95588 and 02112345678", "+95****8 and ****"),
            (
                "200, stateCode 8014 (1012010: 2026-01-02 03:04:05)",
                "200, stateCode 8014 (1012010: 2026-01-02 03:04:05)",
            ),
            ("+12345678901234567890", "****"),
            ("+", "+"),
        ] {
            assert_eq!(names.masked(text), seen);
        }
    }

    #[test]
    fn a_number_has_its_latest_name_and_what_is_none_has_none() {
        let mut names = Names::default();
        for (number, name) in [("+8617000000001", "X"), ("", "Y"), ("+8617000000001", "Y")] {
            names.know(number, name);
        }
        assert_eq!(names.masked("+8617000000001"), "Y (+86170****0001)");
    }

    #[test]
    fn what_a_stranger_answers_is_cut() {
        assert_eq!(Names::default().masked(&"é".repeat(1_000)).chars().count(), SEEN_CHARS_MAX + 3);
    }
}
