//! A number that goes to another app while people still know it as what it was.

use super::*;
use crate::domain::axe::AxeBind;
use crate::domain::axyb::{AxybBind, YbBind};
use crate::domain::refusal::Refusal;

const MODES: [Mode; 4] = [Mode::Ax, Mode::Axb, Mode::Axe, Mode::Axyb];
const ANYWHERE: Search = Search { area: None, province: Vec::new(), matching: AreaMatch::Loose };

fn number_of(app: u32, n: u64) -> NumberRecord {
    NumberRecord { app: AppNo(app), area: None, status: NumberStatus::Normal, ..number_record(n) }
}

/// App 1 of one mode, app 2 of another, and one number of app 1.
fn two_apps(from: Mode, to: Mode) -> Under {
    let mut under = Under { registry: Registry::new(), staging: Staging::new(QUARANTINE), log: Vec::new() };
    for (no, mode) in [(1, from), (2, to)] {
        under.take(Logged::App(CustomerApp { mode, ..plain_app(no) }));
    }
    under.take(Logged::Number(number_of(1, 1)));
    under
}

/// A bind for people of its own, so that nothing but the number can be in its way.
fn bind(app: u32, mode: Mode, choice: XChoice, people: u64) -> AppCommand {
    let (a, terms) = (party(2 * people), Terms::default());
    let command = match mode {
        Mode::Ax => Command::BindAx(choice, AxBind { a, terms, direction_given: false, turned_on: true }),
        Mode::Axb => {
            let pair = Pair::new(a, party(2 * people + 1)).unwrap();
            Command::BindAxb(choice, AxbBind { pair, terms, duration_secs: 0 })
        }
        Mode::Axe => Command::BindAxe(
            choice,
            AxeBind {
                a,
                extension: None,
                unit: None,
                life: None,
                callback: None,
                fallback: None,
                shows_caller: false,
                terms,
                draw: 7,
            },
        ),
        Mode::Axyb => {
            let area = AreaCode::from_word(755).unwrap();
            let (matching, duration_secs, yb_duration_secs) = (AreaMatch::Loose, 0, 0);
            Command::BindAxyb(
                ANYWHERE,
                AxybBind { a, area, matching, duration_secs, yb_duration_secs, terms },
            )
        }
        Mode::X => unreachable!("nothing is bound in X mode"),
    };
    AppCommand { app: AppNo(app), command }
}

impl Under {
    /// Binds in a batch of its own; the number, or how many were passed over because they are in quarantine.
    fn bound_on(&mut self, asked: &AppCommand, now: Timestamp) -> Result<XNumber, usize> {
        match self.decide(asked, now) {
            Decided::Changes(changes, Done::Stands(binding)) => {
                self.take_changes(changes);
                Ok(binding.y().unwrap_or(binding.x()))
            }
            Decided::Refused(Refusal::NoneFree(why)) => Err(why.quarantined),
            other => panic!("{asked:?}: {other:?}"),
        }
    }

    /// Moves a number by force.
    fn move_number(&mut self, n: u64, from: u32, to: u32, now: Timestamp) {
        self.staging.begin(now);
        let ended = self.staging.vacate(&self.registry, x(n), now);
        self.take_changes(ended);
        self.take(Logged::Left(AppNo(from), x(n)));
        self.take(Logged::Number(number_of(to, n)));
    }

    /// What a restart leaves: apps, numbers, what stands, and what ended a moment ago.
    fn restarted(&self) -> Self {
        let mut again =
            Self { registry: Registry::new(), staging: Staging::new(QUARANTINE), log: Vec::new() };
        for logged in self.log.iter().filter(|logged| !matches!(logged, Logged::Change(_))) {
            again.take(logged.clone());
        }
        for binding in self.bindings() {
            again.take(Logged::Change(Change::Bound(binding)));
        }
        for logged in &self.log {
            if let Logged::Change(Change::Unbound { binding, at, .. }) = logged {
                again.staging.note_ended(binding, *at);
            }
        }
        again
    }
}

/// Whoever dials it a moment later means whom it stood for in the other app.
#[test]
fn a_number_that_was_moved_is_not_chosen_for_strangers_until_the_quarantine_is_over() {
    let over = START.after(QUARANTINE);
    let within = Timestamp::from_millis(over.millis() - 1);
    for (from, to) in MODES.into_iter().flat_map(|from| MODES.map(|to| (from, to))) {
        let mut under = two_apps(from, to);
        assert_eq!(under.bound_on(&bind(1, from, XChoice::Chosen(ANYWHERE), 1), START), Ok(x(1)));
        under.move_number(1, 1, 2, START);
        let chosen = bind(2, to, XChoice::Chosen(ANYWHERE), 2);
        for (mut under, when) in [(under.restarted(), "after a restart"), (under, "at once")] {
            assert_eq!(under.bound_on(&chosen, within), Err(1), "{from:?} to {to:?} {when}");
            assert_eq!(under.bound_on(&chosen, over), Ok(x(1)), "{from:?} to {to:?} {when}");
        }
    }
}

#[test]
fn a_number_that_was_moved_can_be_named_at_once_and_rests_all_the_same_when_that_bind_has_ended() {
    let mut under = two_apps(Mode::Axb, Mode::Ax);
    under.bound_on(&bind(1, Mode::Axb, XChoice::Chosen(ANYWHERE), 1), START).unwrap();
    under.move_number(1, 1, 2, START);
    assert_eq!(under.bound_on(&bind(2, Mode::Ax, XChoice::Named(x(1)), 2), START), Ok(x(1)));
    let unbind = Command::UnbindAx(AxSelector::X(x(1)), UnbindCause::Customer);
    let Decided::Changes(changes, _) = under.decide(&AppCommand { app: AppNo(2), command: unbind }, START)
    else {
        panic!("it stands")
    };
    under.take_changes(changes);
    let chosen = bind(2, Mode::Ax, XChoice::Chosen(ANYWHERE), 2);
    assert_eq!(under.bound_on(&chosen, START), Err(1));
    assert_eq!(under.bound_on(&chosen, START.after(QUARANTINE)), Ok(x(1)));
}

#[test]
fn a_number_that_goes_back_to_the_app_it_came_from_is_chosen_there_as_if_it_had_never_left() {
    let mut under = two_apps(Mode::Axb, Mode::Ax);
    under.bound_on(&bind(1, Mode::Axb, XChoice::Chosen(ANYWHERE), 1), START).unwrap();
    under.move_number(1, 1, 2, START);
    under.move_number(1, 2, 1, START);
    assert_eq!(under.bound_on(&bind(1, Mode::Axb, XChoice::Chosen(ANYWHERE), 2), START), Ok(x(1)));
}

#[test]
fn a_number_that_was_moved_is_no_y_for_strangers_either() {
    let mut under = two_apps(Mode::Axb, Mode::Axyb);
    under.take(Logged::Number(number_of(2, 2)));
    under.bound_on(&bind(1, Mode::Axb, XChoice::Chosen(ANYWHERE), 1), START).unwrap();
    let first = bind(2, Mode::Axyb, XChoice::Chosen(ANYWHERE), 2);
    assert_eq!(under.bound_on(&first, START), Ok(x(2)));
    let ax = under.bindings().into_iter().find(|binding| binding.x() == x(2)).unwrap().id();
    under.move_number(1, 1, 2, START);
    let wanted = YbBind { b: party(9), duration_secs: None, tone: None, user_data: None, on_call: true };
    let second = AppCommand { app: AppNo(2), command: Command::BindYb(ax, ANYWHERE, wanted) };
    assert_eq!(under.bound_on(&second, START), Err(1));
    assert_eq!(under.bound_on(&second, START.after(QUARANTINE)), Ok(x(1)));
}
