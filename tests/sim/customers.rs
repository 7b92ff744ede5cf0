//! The receivers of notices, which go down and come up again; and what the deliverer's task does, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use privnum::domain::delivery::{Delivery, Schedule};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::time::Timestamp;
use privnum::engine::job::Job;
use privnum::store::{Attempt, Store};
use rand::RngExt;
use rand::rngs::StdRng;

use super::cast::APPS;
use super::world::World;

#[derive(Debug, Default)]
pub struct Customers {
    down: BTreeSet<AppNo>,
    under_way: Vec<(Delivery, Timestamp)>,
    /// Notices that arrived at least once.
    pub received: BTreeSet<RowKey>,
}

impl Customers {
    /// One goes down or comes up.
    pub fn flip(&mut self, rng: &mut StdRng) {
        let app = AppNo(rng.random_range(1..=APPS));
        if !self.down.remove(&app) {
            self.down.insert(app);
        }
    }

    pub fn all_up(&mut self) {
        self.down.clear();
    }

    /// The pushes under way broke off with the gateway, and nobody knows what became of them.
    pub fn crash(&mut self) {
        for (delivery, _) in self.under_way.drain(..) {
            if !self.down.contains(&delivery.app) {
                self.received.insert(delivery.id);
            }
        }
    }
}

impl World {
    /// Pushes start, or one of those under way ends.
    pub fn push(&mut self) {
        if self.chance(50) {
            let at_most = self.rng.random_range(1..5);
            self.start_pushes(at_most);
        } else if !self.customers.under_way.is_empty() {
            let at = self.rng.random_range(0..self.customers.under_way.len());
            let succeeds = self.chance(95);
            self.end_push(at, succeeds);
        }
    }

    /// Everything that is due goes out, and succeeds or fails.
    pub fn push_everything(&mut self) {
        while self.start_pushes(100) + self.customers.under_way.len() > 0 {
            while !self.customers.under_way.is_empty() {
                self.end_push(0, true);
            }
            self.write_all();
        }
    }

    pub fn start_pushes(&mut self, at_most: usize) -> usize {
        let now = self.now();
        let started = self.shared.dispatch().start(now, at_most);
        let ids: Vec<_> = started.iter().map(|delivery| delivery.id).collect();
        assert_eq!(self.disk.bodies(&ids).unwrap().len(), ids.len(), "a delivery has no body");
        for delivery in &started {
            assert!(delivery.due <= now, "a push before its time");
            self.customers.under_way.push((*delivery, now));
        }
        started.len()
    }

    pub fn end_push(&mut self, at: usize, succeeds: bool) {
        let (delivery, began) = self.customers.under_way.swap_remove(at);
        let succeeds = succeeds && !self.customers.down.contains(&delivery.app);
        if succeeds {
            self.customers.received.insert(delivery.id);
        }
        let now = self.now();
        let after = delivery.pushed(succeeds, began, now, &Schedule::default());
        let attempt = Attempt {
            at: began,
            url: "https://app.example/".into(),
            address: None,
            status: Some(if succeeds { 200 } else { 503 }),
            took_ms: u32::try_from(now.since(began).min(Duration::from_secs(60)).as_millis()).unwrap(),
            timings: Vec::new(),
            answer: Box::default(),
            failure: (!succeeds).then(|| "answered 503, expected 200".into()),
        };
        self.inbox.push_back(Job::Settle(after, Arc::new(attempt)));
    }
}
