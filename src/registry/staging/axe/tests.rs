use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::allocation::Search;
use crate::domain::area::AreaCode;
use crate::domain::binding::{AnyBinding, Terms};
use crate::domain::command::{AppCommand, Command};
use crate::domain::customer::{Mode, NumberRecord, NumberStatus};
use crate::domain::id::AppNo;
use crate::registry::staging::Decided;
use crate::store::contract::sample::plain_app;

const QUARANTINE: Duration = Duration::from_secs(300);

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn number(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

fn x(n: u64) -> XNumber {
    XNumber::new(E164::from_word(8_617_000_000_000 + n).unwrap())
}

fn app(extension_digits: u8) -> CustomerApp {
    CustomerApp { mode: Mode::Axe, extension_digits, ..plain_app(1) }
}

/// A writer without a store: what is decided is absorbed, batch by batch.
struct World {
    registry: Registry,
    staging: Staging,
}

impl World {
    /// With X 1 and X 2 of Shenzhen.
    fn new(digits: u8) -> Self {
        let mut world = Self { registry: Registry::new(), staging: Staging::new(QUARANTINE) };
        world.registry.customers.put(Arc::new(app(digits)));
        for n in [1, 2] {
            let record = NumberRecord {
                x: x(n),
                app: AppNo(1),
                area: AreaCode::parse("0755"),
                sms: false,
                status: NumberStatus::Normal,
                added_at: at(1),
            };
            world.staging.put_number(&record);
            world.registry.directory.put_number(record, None);
        }
        world
    }

    fn decide(&mut self, command: Command, secs: u64) -> Decided {
        self.staging.decide(&self.registry, &AppCommand { app: AppNo(1), command }, at(secs))
    }

    fn absorb(&mut self, decided: Decided) -> Result<Vec<Binding<Axe>>, Refusal> {
        match decided {
            Decided::Refused(refusal) => Err(refusal),
            Decided::NextBatch => panic!("the commands of a batch are in each other's way"),
            Decided::Changes(changes, _) => Ok(changes
                .into_iter()
                .map(|change| {
                    self.staging.absorb(&self.registry, &change);
                    match change.binding() {
                        AnyBinding::Axe(binding) => binding.clone(),
                        _ => panic!("an AXE app has AXE bindings"),
                    }
                })
                .collect()),
        }
    }

    /// One command in a batch of its own; the last binding it concerns.
    fn run(&mut self, command: Command, secs: u64) -> Result<Binding<Axe>, Refusal> {
        self.staging.begin(at(secs));
        let decided = self.decide(command, secs);
        Ok(self.absorb(decided)?.pop().unwrap())
    }

    fn bind_all(&mut self, secs: u64) -> Vec<Binding<Axe>> {
        self.bind_all_on(1, secs)
    }

    fn bind_all_on(&mut self, on: u64, secs: u64) -> Vec<Binding<Axe>> {
        std::iter::from_fn(|| self.run(bind(on, None), secs).ok()).collect()
    }
}

fn wish(extension: Option<&str>) -> AxeBind {
    AxeBind {
        a: number(1),
        extension: extension.map(|text| Extension::parse(text).unwrap()),
        unit: None,
        life: None,
        callback: None,
        fallback: None,
        shows_caller: false,
        terms: Terms::default(),
        draw: 7,
    }
}

fn bind(on: u64, extension: Option<&str>) -> Command {
    Command::BindAxe(XChoice::Named(x(on)), wish(extension))
}

fn bind_in_area() -> Command {
    let search = Search { area: AreaCode::parse("0755"), ..Search::default() };
    Command::BindAxe(XChoice::Chosen(search), wish(None))
}

fn unbind(binding: &Binding<Axe>) -> Command {
    Command::UnbindAxe(AxeSelector::Id(binding.id), UnbindCause::Customer)
}

fn extensions(bindings: &[Binding<Axe>]) -> BTreeSet<Extension> {
    bindings.iter().map(|binding| binding.relation.extension).collect()
}

#[test]
fn every_extension_is_given_out_once_and_then_the_number_is_full() {
    let mut world = World::new(1);
    let bound = world.bind_all(100);
    assert_eq!(extensions(&bound).len(), 9);
    let full = Refusal::NoFreeExtension(NoFreeExtension { all: 9, bound: 9 });
    assert_eq!(world.run(bind(1, None), 101), Err(full));
    assert_eq!(world.run(bind(1, Some("5")), 101), Err(Refusal::ExtensionTaken));
}

#[test]
fn an_extension_rests_before_it_is_given_out_again_but_can_be_asked_for() {
    let mut world = World::new(1);
    let bound = world.bind_all(100);
    let freed = bound[3].relation.extension;
    world.run(unbind(&bound[3]), 200).unwrap();
    let none_free = Refusal::NoFreeExtension(NoFreeExtension { all: 9, bound: 8 });
    assert_eq!(world.run(bind(1, None), 499), Err(none_free));
    let again = world.run(bind(1, None), 500).unwrap();
    assert_eq!(again.relation.extension, freed);
    world.run(unbind(&again), 600).unwrap();
    let asked_for = world.run(bind(1, Some(&freed.to_string())), 601).unwrap();
    assert_eq!(asked_for.relation.extension, freed);
    assert!(world.run(bind(1, None), 1_000).is_err(), "its rest is over, but it is bound");
}

#[test]
fn the_binds_of_one_batch_get_extensions_of_their_own() {
    let mut world = World::new(1);
    world.staging.begin(at(100));
    let decided: Vec<_> = (0..10).map(|_| world.decide(bind(1, None), 100)).collect();
    let outcomes: Vec<_> = decided.into_iter().map(|decided| world.absorb(decided)).collect();
    let bound: Vec<_> = outcomes.iter().flatten().flatten().cloned().collect();
    assert_eq!(extensions(&bound).len(), 9);
    assert!(outcomes[9].is_err());
}

#[test]
fn a_batch_that_was_not_written_leaves_its_extensions_free() {
    let mut world = World::new(1);
    world.staging.begin(at(100));
    for _ in 0..9 {
        assert!(matches!(world.decide(bind(1, None), 100), Decided::Changes(..)));
    }
    assert_eq!(extensions(&world.bind_all(101)).len(), 9);
}

#[test]
fn an_extension_that_a_batch_gives_out_cannot_be_asked_for_in_the_same_batch() {
    let mut world = World::new(1);
    world.staging.begin(at(100));
    assert!(matches!(world.decide(bind(1, Some("8")), 100), Decided::Changes(..)));
    assert!(matches!(world.decide(bind(1, Some("8")), 100), Decided::NextBatch));
    assert!(matches!(world.decide(bind(2, Some("8")), 100), Decided::Changes(..)));
}

#[test]
fn a_bind_by_area_passes_over_a_number_whose_extensions_rest_or_are_bound() {
    let mut world = World::new(1);
    let bound = world.bind_all(100);
    for binding in &bound[..8] {
        world.run(unbind(binding), 200).unwrap();
    }
    assert_eq!(world.run(bind(1, Some("1")), 201).map(|binding| binding.x), Ok(x(1)));
    let on_two: Vec<_> = std::iter::from_fn(|| world.run(bind_in_area(), 202).ok()).collect();
    assert!(on_two.iter().all(|binding| binding.x == x(2)));
    assert_eq!(on_two.len(), 9);
    let Err(Refusal::NoneFree(why)) = world.run(bind_in_area(), 203) else { panic!("none is free") };
    assert_eq!((why.looked_at, why.full, why.quarantined), (2, 1, 1));
    assert_eq!(world.run(bind_in_area(), 500).map(|binding| binding.x), Ok(x(1)));
}

/// One that rests can be asked for; then it was counted as bound and as resting, and a number looked full that is not.
#[test]
fn an_extension_that_is_bound_while_it_rests_takes_one_place_only() {
    let mut world = World::new(1);
    let named = ["1", "2", "3", "4", "5"];
    let bound = named.map(|extension| world.run(bind(1, Some(extension)), 100).unwrap());
    for binding in &bound {
        world.run(unbind(binding), 200).unwrap();
    }
    for extension in named {
        world.run(bind(1, Some(extension)), 201).unwrap();
    }
    // X 2 is out of the way, so that X 1 has to do.
    world.bind_all_on(2, 201);
    assert_eq!(world.run(bind_in_area(), 202).map(|binding| binding.x), Ok(x(1)));
}

#[test]
fn after_a_restart_extensions_still_rest() {
    let mut world = World::new(1);
    let bound = world.bind_all(100);
    world.run(unbind(&bound[0]), 200).unwrap();
    let mut restarted = World::new(1);
    for binding in &bound[1..] {
        let change = Change::Bound(AnyBinding::Axe(binding.clone()));
        restarted.staging.absorb(&restarted.registry, &change);
    }
    restarted.staging.note_ended(&AnyBinding::Axe(bound[0].clone()), at(200));
    assert!(restarted.run(bind(1, None), 499).is_err());
    let again = restarted.run(bind(1, None), 500).unwrap();
    assert_eq!(again.relation.extension, bound[0].relation.extension);
}

#[test]
fn when_the_app_gets_more_digits_its_numbers_have_more_extensions() {
    let mut world = World::new(1);
    world.bind_all(100);
    world.registry.customers.put(Arc::new(app(2)));
    assert_eq!(world.run(bind(1, None), 101).unwrap().relation.extension.digits(), 2);
}

#[test]
fn a_number_of_another_app_is_refused_before_its_extensions_are_counted() {
    let mut world = World::new(1);
    assert_eq!(world.run(bind(3, None), 100), Err(Refusal::XNotOwned));
    let patch = AxePatch::default();
    let extension = Extension::parse("1").unwrap();
    let modify = Command::ModifyAxe(AxeSelector::Extension(x(1), extension), patch);
    assert_eq!(world.run(modify, 100), Err(Refusal::NoSuchBinding));
    let itself = AxeBind { fallback: Some(Fallback::Number(x(2).number())), ..wish(None) };
    assert_eq!(world.run(Command::BindAxe(XChoice::Named(x(1)), itself), 100), Err(Refusal::PartyIsX));
}
