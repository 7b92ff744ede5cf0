//! A batch in the making: what is to be written, and what happens once it is durable.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::binding::{Change, LastCaller, UnbindCause};
use crate::domain::call::{Call, CallId};
use crate::domain::customer::{CustomerApp, NumberRecord};
use crate::domain::delivery::Delivery;
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::XNumber;
use crate::domain::replay::Replay;
use crate::domain::sms::{Message, MessageId};
use crate::domain::time::Timestamp;
use crate::domain::tone::{Tone, ToneName};
use crate::store::{Batch, Write};

/// What is written together, and its consequences in memory.
#[derive(Debug, Default)]
pub struct Draft {
    /// For the store.
    pub batch: Batch,
    /// For the registry, in order, once the store has it.
    pub effects: Vec<Effect>,
    /// Calls as the batch leaves them: a later report of the same batch goes on from here.
    pub calls: HashMap<CallId, Arc<Call>>,
    /// Those whose row is new or changed, in the order in which that was decided; perhaps several times.
    changed_calls: Vec<CallId>,
    /// What the deliveries that it queues will push.
    pub bodies: Vec<(RowKey, Arc<[u8]>)>,
    /// Short messages as the batch leaves them.
    pub messages: HashMap<MessageId, Arc<Message>>,
    /// Deliveries of which the batch records a push.
    pub settled: HashSet<RowKey>,
    /// Deliveries that were taken out of the queue to be queued again otherwise: back with them if it fails.
    pub withdrawn: Vec<Delivery>,
    /// Replays as the batch leaves them.
    pub replays: HashMap<RowKey, Replay>,
}

/// What happens in memory once a batch is durable. None of it can fail.
#[derive(Debug)]
pub enum Effect {
    /// Bindings change.
    Absorb(Change),
    /// An app is new or changed.
    PutApp(Arc<CustomerApp>),
    /// An X number is new or changed.
    PutNumber(NumberRecord),
    /// An X number of an app is gone.
    RemoveNumber(AppNo, XNumber),
    /// An X number goes from this app to that of its record.
    MoveNumber(AppNo, NumberRecord),
    /// A tone file is new or changed.
    PutTone(Tone),
    /// A tone file of an app is gone.
    RemoveTone(AppNo, ToneName),
    /// A delivery waits to be pushed.
    Enqueue(Delivery),
    /// A push has ended and is on record.
    PushEnded(Delivery),
    /// A call has ended and waits for its CDR.
    CallEnded(CallId, Option<AppNo>, Timestamp),
    /// Somebody called through this binding.
    Called(BindingId, LastCaller),
    /// A call to this number was closed.
    NumberCalled(XNumber, Timestamp),
    /// A report met this fate. Counted here, because a batch that failed is staged again.
    Reported(&'static str),
    /// A CDR is made; the call was swept, or its end was reported.
    CdrMade {
        /// No end was reported.
        swept: bool,
    },
}

impl Draft {
    /// Adds a write.
    pub fn write(&mut self, write: Write) {
        self.batch.writes.push(write);
    }

    /// Puts a call into the batch as it is now. `row_changed` when more than its events and its closing did.
    pub fn put_call(&mut self, call: Arc<Call>, row_changed: bool) {
        if row_changed {
            self.changed_calls.push(call.id.clone());
        }
        self.calls.insert(call.id.clone(), call);
    }

    /// Adds the rows of calls as the batch leaves them: one write each, before those of their events.
    pub fn write_calls(&mut self) {
        let mut written = HashSet::new();
        let changed = self.changed_calls.iter().filter(|id| written.insert(*id));
        let rows = changed.map(|id| Write::Call(Arc::clone(&self.calls[id])));
        self.batch.writes.splice(..0, rows);
    }

    /// Adds changes of bindings.
    pub fn change(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.write(Write::Binding(change.clone()));
            self.effects.push(Effect::Absorb(change));
        }
    }

    /// Queues a notice.
    pub fn deliver(&mut self, delivery: Delivery, session: Option<Box<str>>, body: Vec<u8>) {
        let body: Arc<[u8]> = body.into();
        self.bodies.push((delivery.id, Arc::clone(&body)));
        self.write(Write::Delivery { delivery, session, body });
        self.effects.push(Effect::Enqueue(delivery));
    }

    /// Whether the batch queues this delivery or records a push of it.
    pub fn touches(&self, id: RowKey) -> bool {
        self.effects.iter().any(|effect| match effect {
            Effect::Enqueue(delivery) | Effect::PushEnded(delivery) => delivery.id == id,
            _ => false,
        })
    }

    /// Adds the replays as the batch leaves them: one write each, however many of their pushes it records.
    pub fn write_replays(&mut self) {
        let replays = self.replays.values().map(|replay| Write::Replay(Box::new(replay.clone())));
        self.batch.writes.extend(replays);
    }

    /// Bindings that the batch would have expired: when it fails they must be noted again.
    pub fn expired(&self) -> impl Iterator<Item = &Change> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Absorb(change @ Change::Unbound { cause: UnbindCause::Expired, .. }) => Some(change),
            _ => None,
        })
    }
}
