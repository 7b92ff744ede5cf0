//! The bodies of deliveries between their commit and their first push, which mostly follows at once: it need not
//! read back what has just been written. Bounded; whose body is not here any more is read from the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::delivery::Delivery;
use crate::domain::id::RowKey;

/// Most bytes of bodies kept; beyond it the oldest go.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bodies by delivery.
#[derive(Debug, Default)]
pub(super) struct Bodies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    bodies: BTreeMap<RowKey, Arc<[u8]>>,
    bytes: usize,
}

impl Bodies {
    /// Keeps bodies until they are taken, or there is no room for them.
    pub(super) fn keep(&self, bodies: Vec<(RowKey, Arc<[u8]>)>) {
        let mut kept = self.lock();
        for (id, body) in bodies {
            kept.bytes += body.len();
            kept.bodies.insert(id, body);
        }
        while kept.bytes > BYTES_MAX
            && let Some((_, oldest)) = kept.bodies.pop_first()
        {
            kept.bytes -= oldest.len();
        }
    }

    /// Takes out those that are here.
    pub(super) fn take(&self, deliveries: &[Delivery]) -> HashMap<RowKey, Arc<[u8]>> {
        let mut kept = self.lock();
        let here = deliveries.iter().filter_map(|delivery| kept.bodies.remove_entry(&delivery.id));
        let taken: HashMap<_, _> = here.collect();
        kept.bytes -= taken.values().map(|body| body.len()).sum::<usize>();
        taken
    }

    /// Forgets all: memory is loaded again.
    pub(super) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::NoticeKind;
    use crate::domain::id::AppNo;
    use crate::domain::sample::{at, id};

    fn delivery(n: u64) -> Delivery {
        Delivery::new(id(n), AppNo(1), NoticeKind::Event, None, at(1))
    }

    #[test]
    fn a_body_is_given_once_and_the_oldest_make_room_for_the_newest() {
        let bodies = Bodies::default();
        let half: Arc<[u8]> = vec![b'x'; BYTES_MAX / 2].into();
        bodies.keep(vec![(id(1), Arc::clone(&half)), (id(2), Arc::clone(&half))]);
        let both = [delivery(1), delivery(2)];
        assert_eq!(bodies.take(&both[..1]).len(), 1);
        assert_eq!(bodies.take(&both[..1]).len(), 0);
        bodies.keep(vec![(id(3), Arc::clone(&half)), (id(4), half)]);
        assert_eq!(bodies.take(&both).len(), 0, "2 was the oldest of three");
        assert_eq!(bodies.take(&[delivery(3), delivery(4)]).len(), 2);
        assert_eq!(bodies.lock().bytes, 0);
    }
}
