//! What an attentive observer believes, from the answers alone: a list of bindings that is scanned, and rules
//! written a second time, as plainly as possible.

use std::collections::BTreeMap;

use privnum::domain::ax::X_PER_A_MAX;
use privnum::domain::binding::{AnyBinding, CallDirection, Expiry, UnbindCause};
use privnum::domain::command::{AppCommand, AxSelector, AxbSelector, Command, Done, XChoice};
use privnum::domain::customer::{Mode, NumberRecord, NumberStatus};
use privnum::domain::id::{AppNo, BindingId};
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::refusal::Refusal;
use privnum::domain::route::RejectCause;
use privnum::domain::time::Timestamp;

/// One binding, of either mode.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: BindingId,
    pub app: AppNo,
    pub x: XNumber,
    pub a: E164,
    /// AXB only.
    pub b: Option<E164>,
    /// AX only: the temporary callee.
    pub next: Option<(E164, Timestamp)>,
    pub direction: CallDirection,
    pub ends: Option<Timestamp>,
    /// The batch that bound it.
    pub batch: u64,
}

impl Known {
    fn is_live(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }

    pub fn has(&self, party: E164) -> bool {
        self.a == party || self.b == Some(party)
    }
}

#[derive(Debug, Default)]
pub struct Model {
    pub bindings: Vec<Known>,
    pub numbers: BTreeMap<XNumber, NumberRecord>,
    pub apps: BTreeMap<AppNo, (Mode, bool)>,
    /// How many batches were written.
    pub batch: u64,
}

fn ends(secs: u32, now: Timestamp) -> Option<Timestamp> {
    (secs > 0).then(|| Timestamp::from_millis(now.millis() + u64::from(secs) * 1_000))
}

impl Model {
    /// The bindings that connect calls at `now`.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &Known> {
        self.bindings.iter().filter(move |known| known.is_live(now))
    }

    /// When the next binding or temporary callee ends.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let next_callees = self.bindings.iter().filter_map(|known| known.next.map(|(_, until)| until));
        let ends = self.bindings.iter().filter_map(|known| known.ends);
        ends.chain(next_callees).filter(|end| *end > now).min()
    }

    /// Where a call goes: through which binding to whom, or why not.
    pub fn route(
        &self,
        caller: CallingParty,
        x: XNumber,
        now: Timestamp,
    ) -> Result<(BindingId, E164), RejectCause> {
        let number = self.numbers.get(&x).ok_or(RejectCause::UnknownNumber)?;
        if !matches!(number.status, NumberStatus::Normal | NumberStatus::BindingFrozen) {
            return Err(RejectCause::NumberUnusable(number.status));
        }
        let (mode, suspended) = self.apps[&number.app];
        if suspended {
            return Err(RejectCause::AppSuspended);
        }
        let CallingParty::Number(caller) = caller else { return Err(RejectCause::CallerUnusable) };
        let mut on_x = self.live(now).filter(|known| known.x == x);
        let (known, callee, none) = match mode {
            Mode::Axe | Mode::Axyb | Mode::X => panic!("nobody here has an app of AXE, AXYB or X"),
            Mode::Ax => {
                let known = on_x.next().ok_or(RejectCause::NoAxBinding)?;
                if caller == known.a {
                    match known.next {
                        None => (known, None, RejectCause::NoNextCallee),
                        Some((_, until)) if until <= now => (known, None, RejectCause::NextCalleeExpired),
                        Some((callee, _)) => (known, Some(callee), RejectCause::NoNextCallee),
                    }
                } else {
                    (known, Some(known.a), RejectCause::NoAxBinding)
                }
            }
            Mode::Axb => {
                let known = on_x.find(|known| known.has(caller)).ok_or(RejectCause::NoAxbBinding)?;
                (known, if known.a == caller { known.b } else { Some(known.a) }, RejectCause::NoAxbBinding)
            }
        };
        let a_calls = known.a == caller;
        match known.direction {
            CallDirection::AToB if !a_calls => Err(RejectCause::Direction),
            CallDirection::BToA if a_calls => Err(RejectCause::Direction),
            _ => callee.map(|callee| (known.id, callee)).ok_or(none),
        }
    }

    /// Takes in the answer to a command, and checks that it could be given.
    pub fn answered(&mut self, asked: &AppCommand, answer: &Result<Done, Refusal>, now: Timestamp) {
        match answer {
            Ok(done) => self.carried_out(asked, done, now),
            Err(Refusal::NoSuchBinding) => {
                let named = match &asked.command {
                    Command::ModifyAxb(id, _)
                    | Command::UnbindAxb(AxbSelector::Id(id), _)
                    | Command::ModifyAx(AxSelector::Id(id), _)
                    | Command::UnbindAx(AxSelector::Id(id), _) => Some(*id),
                    _ => None,
                };
                let stands = self.live(now).any(|known| Some(known.id) == named && known.app == asked.app);
                assert!(!stands, "a binding that stands is not found: {asked:?}");
            }
            Err(_) => {}
        }
    }

    fn carried_out(&mut self, asked: &AppCommand, done: &Done, now: Timestamp) {
        let (app, batch) = (asked.app, self.batch);
        match (&asked.command, done) {
            (Command::BindAxb(choice, wanted), Done::Stands(AnyBinding::Axb(binding))) => {
                self.may_bind(app, choice, binding.x);
                let direction = wanted.terms.direction;
                let (a, b) = (wanted.pair.a(), Some(wanted.pair.b()));
                let ends = ends(wanted.duration_secs, now);
                self.stands(
                    Known { id: binding.id, app, x: binding.x, a, b, next: None, direction, ends, batch },
                    done,
                    now,
                );
            }
            (Command::BindAx(choice, wanted), Done::Stands(AnyBinding::Ax(binding))) => {
                self.may_bind(app, choice, binding.x);
                let (a, direction) = (wanted.a, wanted.terms.direction);
                let known = Known {
                    id: binding.id,
                    app,
                    x: binding.x,
                    a,
                    b: None,
                    next: None,
                    direction,
                    ends: None,
                    batch,
                };
                self.stands(known, done, now);
            }
            (Command::ModifyAxb(id, patch), Done::Stands(_)) => {
                let old = self.take(app, *id, now);
                let known = Known {
                    a: patch.a.unwrap_or(old.a),
                    b: patch.b.or(old.b),
                    direction: patch.terms.direction.unwrap_or(old.direction),
                    ends: patch.duration_secs.map_or(old.ends, |secs| ends(secs, now)),
                    ..old
                };
                self.stands(known, done, now);
            }
            (Command::ModifyAx(which, patch), Done::Stands(_)) => {
                let old = self.take(app, self.meant(*which, now), now);
                let a = patch.a.unwrap_or(old.a);
                let next = old.next.filter(|_| a == old.a);
                let direction = patch.terms.direction.unwrap_or(old.direction);
                self.stands(Known { a, next, direction, ..old }, done, now);
            }
            (Command::SetNextCallee { which, callee, secs, .. }, Done::Stands(_)) => {
                let old = self.take(app, self.meant(*which, now), now);
                let next = ends(*secs, now).map(|until| (*callee, until));
                self.stands(Known { next, ..old }, done, now);
            }
            (Command::UnbindAx(which, _), Done::Ended(ended)) => {
                assert_eq!(*ended, [self.meant(*which, now)]);
                self.take(app, ended[0], now);
            }
            (Command::UnbindAxb(AxbSelector::Id(id), _), Done::Ended(ended)) => {
                assert_eq!(*ended, [*id]);
                self.take(app, *id, now);
            }
            (Command::UnbindAxb(AxbSelector::AllOn(x), _), Done::Ended(ended)) => {
                assert_eq!(self.numbers[x].app, app, "another app's X was emptied");
                // What came together with it has no order: it may be bound after the others were ended.
                let left =
                    |known: &&Known| known.x == *x && known.batch < batch && !ended.contains(&known.id);
                assert_eq!(self.live(now).filter(left).count(), 0, "a binding on {x} was left standing");
                self.bindings.retain(|known| !ended.contains(&known.id));
            }
            _ => panic!("{asked:?} cannot come to {done:?}"),
        }
    }

    /// A number was withdrawn from its app, or its record changed.
    pub fn number_is(&mut self, record: &NumberRecord) {
        let moved = self.numbers.get(&record.x).is_some_and(|known| known.app != record.app);
        if moved {
            self.bindings.retain(|known| known.x != record.x);
        }
        self.numbers.insert(record.x, record.clone());
    }

    /// What was found on the disk although nobody was told that it got there: `asked` are the commands that
    /// may have put it there.
    pub fn ended_unseen(
        &mut self,
        binding: &AnyBinding,
        cause: UnbindCause,
        asked: &[AppCommand],
        now: Timestamp,
    ) {
        match cause {
            UnbindCause::Expired => {
                assert!(binding.expiry().is_due(now), "a binding expired before its time");
            }
            UnbindCause::Customer => {
                let wanted = |command: &AppCommand| {
                    command.app == binding.app()
                        && matches!(command.command, Command::UnbindAx(..) | Command::UnbindAxb(..))
                };
                assert!(asked.iter().any(wanted), "nobody asked to end {binding:?}");
            }
            UnbindCause::NumberWithdrawn | UnbindCause::Operator => {}
            UnbindCause::Modified => unreachable!("nothing ends by a modification"),
        }
        self.bindings.retain(|known| known.id != binding.id());
    }

    /// Drops what has expired: nothing may follow from it any more.
    pub fn forget_expired(&mut self, now: Timestamp) {
        self.bindings.retain(|known| known.is_live(now));
    }

    fn may_bind(&self, app: AppNo, choice: &XChoice, x: XNumber) {
        let number = &self.numbers[&x];
        assert_eq!(number.app, app, "an app was given another's X");
        assert_eq!(number.status, NumberStatus::Normal, "an X that takes no bindings was bound");
        if let XChoice::Named(named) = choice {
            assert_eq!(*named, x);
        }
    }

    /// Adds a binding, if the rules let it stand and it is what was answered.
    fn stands(&mut self, known: Known, done: &Done, now: Timestamp) {
        for party in [Some(known.a), known.b].into_iter().flatten() {
            assert!(!self.numbers.contains_key(&XNumber::new(party)), "a party is an X");
            let twice =
                self.live(now).find(|other| known.b.is_some() && other.x == known.x && other.has(party));
            assert!(twice.is_none(), "{party} stands on {} twice", known.x);
        }
        if known.b.is_none() {
            assert!(self.live(now).all(|other| other.x != known.x), "{} has two owners", known.x);
            let owned = self.live(now).filter(|other| other.app == known.app && other.a == known.a).count();
            assert!(owned < X_PER_A_MAX, "{} has {owned} X numbers already", known.a);
        }
        let Done::Stands(binding) = done else { panic!("a binding stands, but the answer is {done:?}") };
        let expiry = known.ends.map_or(Expiry::Never, Expiry::At);
        assert_eq!(
            (binding.id(), binding.x(), binding.app(), binding.expiry()),
            (known.id, known.x, known.app, expiry)
        );
        self.bindings.push(known);
    }

    fn take(&mut self, app: AppNo, id: BindingId, now: Timestamp) -> Known {
        let mine = |known: &Known| known.id == id && known.app == app && known.is_live(now);
        let at = self.bindings.iter().position(mine).expect("only an own, live binding can be changed");
        self.bindings.remove(at)
    }

    fn meant(&self, which: AxSelector, now: Timestamp) -> BindingId {
        match which {
            AxSelector::Id(id) | AxSelector::IdAndA(id, _) => id,
            AxSelector::X(x) | AxSelector::XAndA(x, _) => {
                self.live(now).find(|known| known.x == x).expect("something stands there").id
            }
        }
    }
}
