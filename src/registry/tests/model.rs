//! The rules of bindings a second time, over plain lists that are scanned from end to end.

use std::time::Duration;

use crate::domain::allocation::{AreaMatch, Search};
use crate::domain::binding::{AnyBinding, Ax, Axb, Binding, Expiry, NextCallee};
use crate::domain::command::{AppCommand, AxSelector, AxbSelector, Command, XChoice};
use crate::domain::customer::{CustomerApp, Mode, NumberRecord, NumberStatus};
use crate::domain::id::{AppNo, BindingId};
use crate::domain::number::{E164, Pair, XNumber};
use crate::domain::refusal::{NoneFree, Refusal};
use crate::domain::route::RejectCause;
use crate::domain::time::Timestamp;

/// What a command comes to, but for the id of a new binding, which the model does not draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// This stands now, under an id of its own if it is new.
    Stands(AnyBinding),
    /// These stand no longer.
    Ended(Vec<BindingId>),
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) apps: Vec<CustomerApp>,
    pub(super) numbers: Vec<NumberRecord>,
    /// Everything that stands, oldest first; also what has expired and nobody noticed.
    pub(super) bindings: Vec<AnyBinding>,
    /// Everything that ended, and when.
    ended: Vec<(AnyBinding, Timestamp)>,
    pub(super) quarantine: Duration,
}

impl Model {
    pub(super) fn new(apps: Vec<CustomerApp>, numbers: Vec<NumberRecord>, quarantine: Duration) -> Self {
        Self { apps, numbers, bindings: Vec::new(), ended: Vec::new(), quarantine }
    }

    /// Carries out a command, or says why not. A new binding gets `id`.
    pub(super) fn decide(
        &mut self,
        asked: &AppCommand,
        id: BindingId,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let app = self.apps.iter().find(|app| app.no == asked.app).unwrap().clone();
        let (mode, record, parties) = facts(&asked.command);
        if app.mode != mode {
            return Err(Refusal::WrongMode(app.mode));
        }
        if record && !app.recording {
            return Err(Refusal::RecordingNotEnabled);
        }
        if parties.iter().any(|&party| self.number(XNumber::new(party)).is_some()) {
            return Err(Refusal::PartyIsX);
        }
        match mode {
            Mode::Axb => self.decide_axb(app.no, &asked.command, id, now),
            Mode::Ax => self.decide_ax(app.no, &asked.command, id, now),
            Mode::Axe => unreachable!("AXE has a model of its own"),
            Mode::X => unreachable!("nothing is bound in X mode"),
            Mode::Axyb => unreachable!("AXYB has a model of its own"),
        }
    }

    fn decide_axb(
        &mut self,
        app: AppNo,
        command: &Command,
        id: BindingId,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        match command {
            Command::BindAxb(choice, wanted) => {
                let x = self.chosen(app, choice, Mode::Axb, now, |model, x| {
                    if model.stands(x, wanted.pair, None, now) {
                        Some(true)
                    } else {
                        model.met_others(x, wanted.pair, now).then_some(false)
                    }
                })?;
                self.usable(x)?;
                let relation = Axb { pair: wanted.pair, duration_secs: wanted.duration_secs };
                let expiry = expiry(wanted.duration_secs, now);
                let binding =
                    Binding { id, app, x, relation, terms: wanted.terms.clone(), expiry, since: now };
                self.put_pair(binding, now)
            }
            Command::ModifyAxb(which, patch) => {
                let AnyBinding::Axb(old) = self.live(app, *which, now)? else { unreachable!() };
                let pair = old.relation.pair;
                let pair = Pair::new(patch.a.unwrap_or(pair.a()), patch.b.unwrap_or(pair.b()));
                let pair = pair.ok_or(Refusal::SameNumber)?;
                let before = old.clone();
                let duration_secs = patch.duration_secs.unwrap_or(old.relation.duration_secs);
                let new = Binding {
                    relation: Axb { pair, duration_secs },
                    terms: patch.terms.applied_to(&old.terms),
                    expiry: patch.duration_secs.map_or(old.expiry, |secs| expiry(secs, now)),
                    since: now,
                    ..old
                };
                let stands = self.put_pair(new, now)?;
                if [before.relation.pair.a(), before.relation.pair.b()].iter().any(|left| !pair.has(*left)) {
                    self.ended.push((AnyBinding::Axb(before), now));
                }
                Ok(stands)
            }
            Command::UnbindAxb(AxbSelector::Id(which), _) => {
                self.live(app, *which, now)?;
                Ok(self.end(|binding| binding.id() == *which, now))
            }
            Command::UnbindAxb(AxbSelector::AllOn(x), _) => {
                self.own(app, *x)?;
                if !self.bindings.iter().any(|binding| binding.x() == *x && is_live(binding, now)) {
                    return Err(Refusal::NoSuchBinding);
                }
                Ok(self.end(|binding| binding.x() == *x, now))
            }
            _ => unreachable!("these are all commands of AXB"),
        }
    }

    fn decide_ax(
        &mut self,
        app: AppNo,
        command: &Command,
        id: BindingId,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        match command {
            Command::BindAx(choice, wanted) => {
                if self.owned(app, wanted.a) >= 5 && matches!(choice, XChoice::Chosen(_)) {
                    return Err(Refusal::TooManyX);
                }
                let x = self.chosen(app, choice, Mode::Ax, now, |model, x| {
                    model.owned_by_others(x, wanted.a, now).then_some(false)
                })?;
                if let Some(AnyBinding::Ax(other)) = self.bindings.iter().find(|binding| binding.x() == x) {
                    let same = other.relation.a == wanted.a;
                    return Err(if same { Refusal::SamePairBound } else { Refusal::XTaken });
                }
                self.usable(x)?;
                if self.owned(app, wanted.a) >= 5 {
                    return Err(Refusal::TooManyX);
                }
                let (direction_given, turned_on) = (wanted.direction_given, wanted.turned_on);
                let relation = Ax { a: wanted.a, next_callee: None, direction_given, turned_on };
                let terms = wanted.terms.clone();
                Ok(self.put(AnyBinding::Ax(Binding {
                    id,
                    app,
                    x,
                    relation,
                    terms,
                    expiry: Expiry::Never,
                    since: now,
                })))
            }
            Command::ModifyAx(which, patch) => {
                let old = self.meant(app, *which)?;
                let a = patch.a.unwrap_or(old.relation.a);
                if a != old.relation.a && self.owned(app, a) >= 5 {
                    return Err(Refusal::TooManyX);
                }
                let relation = Ax {
                    a,
                    next_callee: if a == old.relation.a { old.relation.next_callee.clone() } else { None },
                    direction_given: old.relation.direction_given || patch.terms.direction.is_some(),
                    turned_on: patch.turned_on.unwrap_or(old.relation.turned_on),
                };
                let terms = patch.terms.applied_to(&old.terms);
                Ok(self.put(AnyBinding::Ax(Binding { relation, terms, since: now, ..old })))
            }
            Command::SetNextCallee { which, callee, secs, user_data } => {
                let old = self.meant(app, *which)?;
                if *callee == old.relation.a {
                    return Err(Refusal::SameNumber);
                }
                let until = now.after(Duration::from_secs((*secs).into()));
                let next = NextCallee { callee: *callee, until, user_data: user_data.clone() };
                let relation = Ax { next_callee: Some(Box::new(next)), ..old.relation };
                Ok(self.put(AnyBinding::Ax(Binding { relation, ..old })))
            }
            Command::UnbindAx(which, _) => {
                let id = self.meant(app, *which)?.id;
                Ok(self.end(|binding| binding.id() == id, now))
            }
            _ => unreachable!("these are all commands of AX"),
        }
    }

    /// Ends whatever is due in a second that has come. Returns the ids.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<BindingId> {
        let due = |binding: &AnyBinding| match binding.expiry() {
            Expiry::At(at) => at.millis().div_ceil(1_000) <= now.secs(),
            Expiry::Never => false,
        };
        match self.end(due, now) {
            Outcome::Ended(ids) => ids,
            Outcome::Stands(_) => unreachable!(),
        }
    }

    /// Ends everything on a number.
    pub(super) fn vacate(&mut self, x: XNumber, now: Timestamp) {
        self.end(|binding| binding.x() == x, now);
    }

    /// Where a call goes: through which binding to whom, or why not.
    pub(super) fn route(
        &self,
        caller: E164,
        x: XNumber,
        now: Timestamp,
    ) -> Result<(BindingId, E164), RejectCause> {
        let number = self.number(x).ok_or(RejectCause::UnknownNumber)?;
        if matches!(number.status, NumberStatus::Suspended | NumberStatus::Unavailable(_)) {
            return Err(RejectCause::NumberUnusable(number.status));
        }
        let app = self.apps.iter().find(|app| app.no == number.app).unwrap();
        if app.suspended {
            return Err(RejectCause::AppSuspended);
        }
        let on_x = |binding: &&AnyBinding| binding.x() == x && is_live(binding, now);
        let bound = self.bindings.iter().filter(on_x).find(|binding| match binding {
            AnyBinding::Ax(_) => true,
            AnyBinding::Axb(binding) => binding.relation.pair.has(caller),
            AnyBinding::Axe(_) | AnyBinding::Axyb(_) | AnyBinding::Yb(_) => {
                unreachable!("the model has neither AXE nor AXYB")
            }
        });
        let (terms, id, a_calls, callee) = match bound {
            None if app.mode == Mode::Ax => return Err(RejectCause::NoAxBinding),
            None => return Err(RejectCause::NoAxbBinding),
            Some(AnyBinding::Axb(binding)) => {
                let pair = binding.relation.pair;
                let a_calls = pair.a() == caller;
                (&binding.terms, binding.id, a_calls, Ok(if a_calls { pair.b() } else { pair.a() }))
            }
            Some(AnyBinding::Ax(binding)) if caller == binding.relation.a => {
                let callee = match &binding.relation.next_callee {
                    None => Err(RejectCause::NoNextCallee),
                    Some(next) if now < next.until => Ok(next.callee),
                    Some(_) => Err(RejectCause::NextCalleeExpired),
                };
                (&binding.terms, binding.id, true, callee)
            }
            Some(AnyBinding::Ax(binding)) => (&binding.terms, binding.id, false, Ok(binding.relation.a)),
            Some(AnyBinding::Axe(_) | AnyBinding::Axyb(_) | AnyBinding::Yb(_)) => {
                unreachable!("the model has neither AXE nor AXYB")
            }
        };
        match (terms.direction.code(), a_calls) {
            (1, false) | (2, true) => Err(RejectCause::Direction),
            _ => callee.map(|callee| (id, callee)),
        }
    }

    fn number(&self, x: XNumber) -> Option<&NumberRecord> {
        self.numbers.iter().find(|number| number.x == x)
    }

    fn own(&self, app: AppNo, x: XNumber) -> Result<(), Refusal> {
        self.number(x).filter(|number| number.app == app).map(|_| ()).ok_or(Refusal::XNotOwned)
    }

    fn usable(&self, x: XNumber) -> Result<(), Refusal> {
        let status = self.number(x).unwrap().status;
        if status == NumberStatus::Normal { Ok(()) } else { Err(Refusal::XNotUsable(status)) }
    }

    fn owned(&self, app: AppNo, a: E164) -> usize {
        let owned = |binding: &&AnyBinding| matches!(binding, AnyBinding::Ax(ax) if ax.app == app && ax.relation.a == a);
        self.bindings.iter().filter(owned).count()
    }

    fn live(&self, app: AppNo, id: BindingId, now: Timestamp) -> Result<AnyBinding, Refusal> {
        let found =
            |binding: &&AnyBinding| binding.id() == id && binding.app() == app && is_live(binding, now);
        self.bindings.iter().find(found).cloned().ok_or(Refusal::NoSuchBinding)
    }

    fn meant(&self, app: AppNo, which: AxSelector) -> Result<Binding<Ax>, Refusal> {
        let of = |binding: AnyBinding, wanted: Option<E164>| match binding {
            AnyBinding::Ax(binding) if wanted.is_none_or(|a| a == binding.relation.a) => Ok(binding),
            _ => Err(Refusal::NoSuchBinding),
        };
        let (x, a) = match which {
            AxSelector::Id(id) => return of(self.live(app, id, Timestamp::from_millis(1))?, None),
            AxSelector::IdAndA(id, a) => return of(self.live(app, id, Timestamp::from_millis(1))?, Some(a)),
            AxSelector::X(x) => (x, None),
            AxSelector::XAndA(x, a) => (x, Some(a)),
        };
        self.own(app, x)?;
        let found = self.bindings.iter().find(|binding| binding.x() == x).ok_or(Refusal::NoSuchBinding)?;
        of(found.clone(), a)
    }

    /// Whether one of the pair stands in another live binding on `x`.
    fn stands(&self, x: XNumber, pair: Pair, except: Option<BindingId>, now: Timestamp) -> bool {
        self.bindings.iter().any(|binding| {
            Some(binding.id()) != except
                && binding.x() == x
                && is_live(binding, now)
                && has_one(binding, pair)
        })
    }

    /// Whether one of the pair met somebody else on `x` last, and that is not long ago.
    fn met_others(&self, x: XNumber, pair: Pair, now: Timestamp) -> bool {
        [(pair.a(), pair.b()), (pair.b(), pair.a())].into_iter().any(|(party, other)| {
            let met = self.ended.iter().rev().find_map(|(binding, at)| match binding {
                AnyBinding::Axb(ended) if ended.x == x => Some((ended.relation.pair.other(party)?, *at)),
                _ => None,
            });
            met.is_some_and(|(met, at)| met != other && now < at.after(self.quarantine))
        })
    }

    fn owned_by_others(&self, x: XNumber, a: E164, now: Timestamp) -> bool {
        let last = self.ended.iter().rev().find_map(|(binding, at)| match binding {
            AnyBinding::Ax(ended) if ended.x == x => Some((ended.relation.a, *at)),
            _ => None,
        });
        last.is_some_and(|(owner, at)| owner != a && now < at.after(self.quarantine))
    }

    /// Whether something of another app ended on `x` not long ago.
    fn was_anothers(&self, x: XNumber, app: AppNo, now: Timestamp) -> bool {
        self.ended
            .iter()
            .any(|(binding, at)| binding.x() == x && binding.app() != app && now < at.after(self.quarantine))
    }

    /// The number named, or the least loaded that fits. `unfit`: whether a party stands there, or else is in
    /// quarantine.
    fn chosen(
        &self,
        app: AppNo,
        choice: &XChoice,
        mode: Mode,
        now: Timestamp,
        unfit: impl Fn(&Self, XNumber) -> Option<bool>,
    ) -> Result<XNumber, Refusal> {
        let search = match choice {
            XChoice::Named(x) => return self.own(app, *x).map(|()| *x),
            XChoice::Chosen(search) => search,
        };
        let mut why = NoneFree {
            area: search.area.filter(|_| search.matching == AreaMatch::Strict),
            area_unknown: search.area.is_none() && search.matching == AreaMatch::Strict,
            looked_at: 0,
            not_usable: 0,
            full: 0,
            party_stands: 0,
            quarantined: 0,
        };
        let capacity = if mode == Mode::Ax { 1 } else { 5_000 };
        for round in rounds(search) {
            let load = |x: XNumber| self.bindings.iter().filter(|binding| binding.x() == x).count();
            let mut numbers: Vec<_> =
                self.numbers.iter().filter(|number| number.app == app && round(number)).collect();
            numbers.sort_by_key(|number| (load(number.x), number.x));
            for number in numbers {
                why.looked_at += 1;
                match unfit(self, number.x) {
                    _ if number.status != NumberStatus::Normal => why.not_usable += 1,
                    _ if load(number.x) >= capacity => why.full += 1,
                    None if self.was_anothers(number.x, app, now) => why.quarantined += 1,
                    None => return Ok(number.x),
                    Some(true) => why.party_stands += 1,
                    Some(false) => why.quarantined += 1,
                }
            }
        }
        Err(Refusal::NoneFree(why))
    }

    /// Puts a pair on its X, in place of its former self if it stood; ends expired ones that are in the way.
    fn put_pair(&mut self, binding: Binding<Axb>, now: Timestamp) -> Result<Outcome, Refusal> {
        let (id, x, pair) = (binding.id, binding.x, binding.relation.pair);
        if self.stands(x, pair, Some(id), now) {
            return Err(Refusal::PartyAlreadyBound);
        }
        let in_the_way = |other: &AnyBinding| other.id() != id && other.x() == x && has_one(other, pair);
        self.end(in_the_way, now);
        Ok(self.put(AnyBinding::Axb(binding)))
    }

    fn put(&mut self, binding: AnyBinding) -> Outcome {
        match self.bindings.iter_mut().find(|known| known.id() == binding.id()) {
            Some(known) => known.clone_from(&binding),
            None => self.bindings.push(binding.clone()),
        }
        Outcome::Stands(binding)
    }

    fn end(&mut self, which: impl Fn(&AnyBinding) -> bool, now: Timestamp) -> Outcome {
        let (gone, left): (Vec<_>, Vec<_>) = self.bindings.drain(..).partition(which);
        self.bindings = left;
        let ids = gone.iter().map(AnyBinding::id).collect();
        for binding in gone {
            // What had expired unnoticed ended then, whatever ends it now.
            let at = match binding.expiry() {
                Expiry::At(at) if at <= now => at,
                _ => now,
            };
            self.ended.push((binding, at));
        }
        Outcome::Ended(ids)
    }
}

/// Whether a number is among those that are looked at in one go.
type Round<'a> = Box<dyn Fn(&NumberRecord) -> bool + 'a>;

/// Where to look, in this order.
fn rounds(search: &Search) -> Vec<Round<'_>> {
    let in_area = move |number: &NumberRecord| search.area.is_some() && number.area == search.area;
    let in_province =
        move |number: &NumberRecord| number.area.is_some_and(|area| search.province.contains(&area));
    match search.matching {
        AreaMatch::Strict => vec![Box::new(in_area)],
        AreaMatch::Loose => vec![
            Box::new(in_area),
            Box::new(in_province),
            Box::new(move |number| !in_area(number) && !in_province(number)),
        ],
    }
}

/// The mode of a command, whether it wants recording, and the numbers that must be no X.
fn facts(command: &Command) -> (Mode, bool, Vec<E164>) {
    let some = |parties: [Option<E164>; 2]| parties.into_iter().flatten().collect();
    match command {
        Command::BindAx(_, wanted) => (Mode::Ax, wanted.terms.record, vec![wanted.a]),
        Command::ModifyAx(_, patch) => (Mode::Ax, patch.terms.record == Some(true), some([patch.a, None])),
        Command::SetNextCallee { callee, .. } => (Mode::Ax, false, vec![*callee]),
        Command::UnbindAx(..) => (Mode::Ax, false, Vec::new()),
        Command::BindAxb(_, wanted) => {
            (Mode::Axb, wanted.terms.record, vec![wanted.pair.a(), wanted.pair.b()])
        }
        Command::ModifyAxb(_, patch) => {
            (Mode::Axb, patch.terms.record == Some(true), some([patch.a, patch.b]))
        }
        Command::UnbindAxb(..) => (Mode::Axb, false, Vec::new()),
        Command::BindAxe(..) | Command::ModifyAxe(..) | Command::UnbindAxe(..) => {
            unreachable!("AXE has a model of its own")
        }
        Command::BindAxyb(..) | Command::BindYb(..) | Command::UnbindAxyb(..) => {
            unreachable!("AXYB has a model of its own")
        }
    }
}

fn is_live(binding: &AnyBinding, now: Timestamp) -> bool {
    match binding.expiry() {
        Expiry::Never => true,
        Expiry::At(at) => now < at,
    }
}

fn has_one(binding: &AnyBinding, pair: Pair) -> bool {
    matches!(binding, AnyBinding::Axb(axb) if axb.relation.pair.has(pair.a()) || axb.relation.pair.has(pair.b()))
}

fn expiry(secs: u32, now: Timestamp) -> Expiry {
    if secs == 0 { Expiry::Never } else { Expiry::At(now.after(Duration::from_secs(secs.into()))) }
}
