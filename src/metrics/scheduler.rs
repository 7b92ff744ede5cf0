//! What the scheduler of pushes shows of itself (delivery R15), and the files that are open, of which every push
//! needs one. Brought up to date when somebody is about to read them.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};
use rustix::process::{Resource, getrlimit};

use crate::domain::dispatch::{Dispatch, Lane};
use crate::domain::time::Timestamp;

/// Gauges of the scheduler. `lane` is good or suspect.
#[derive(Debug, Clone)]
pub(super) struct SchedulerGauges {
    waiting: IntGauge,
    in_flight: IntGauge,
    oldest_due_seconds: IntGauge,
    /// By `pushes` made so far; `7` counts more, too.
    pending: IntGaugeVec,
    lane_due: IntGaugeVec,
    lane_oldest_due_seconds: IntGaugeVec,
    lane_in_flight: IntGaugeVec,
    lane_slots: IntGaugeVec,
    lane_endpoints: IntGaugeVec,
    endpoints_parked: IntGauge,
    endpoints_gone: IntGauge,
    unrecorded: IntGauge,
    open_files: IntGauge,
    open_files_max: IntGauge,
}

impl SchedulerGauges {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect("the name is valid");
            registry.register(Box::new(gauge.clone())).expect("each metric is declared once");
            gauge
        };
        let gauges = |name: &str, help: &str, label: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &[label]).expect("the names are valid");
            registry.register(Box::new(gauges.clone())).expect("each metric is declared once");
            gauges
        };
        let by_lane = |name: &str, help: &str| gauges(name, help, "lane");
        Self {
            waiting: gauge("privnum_deliveries_waiting", "Deliveries that wait for a push."),
            in_flight: gauge("privnum_deliveries_in_flight", "Pushes under way."),
            oldest_due_seconds: gauge(
                "privnum_delivery_oldest_due_seconds",
                "Age of the oldest delivery that is due and not being pushed.",
            ),
            pending: gauges(
                "privnum_deliveries_pending",
                "Deliveries that wait for a push, by pushes made so far.",
                "pushes",
            ),
            lane_due: by_lane("privnum_push_due", "Deliveries that are due and not being pushed."),
            lane_oldest_due_seconds: by_lane(
                "privnum_push_oldest_due_seconds",
                "Age of the oldest delivery that is due and not being pushed.",
            ),
            lane_in_flight: by_lane("privnum_push_in_flight", "Pushes under way."),
            lane_slots: by_lane("privnum_push_slots", "Pushes that may be under way at once."),
            lane_endpoints: by_lane(
                "privnum_push_endpoints",
                "Endpoints that something is due for or being pushed to.",
            ),
            endpoints_parked: gauge(
                "privnum_push_endpoints_parked",
                "Endpoints whose due deliveries wait for the receiver to get well.",
            ),
            endpoints_gone: gauge(
                "privnum_push_endpoints_gone",
                "Endpoints that answered 410 and have taken nothing since.",
            ),
            unrecorded: gauge("privnum_pushes_unrecorded", "Pushes that ended and are not on record yet."),
            open_files: gauge("privnum_open_files", "Files that the process has open, sockets included."),
            open_files_max: gauge("privnum_open_files_max", "Files that the process may have open."),
        }
    }

    pub(super) fn show(&self, dispatch: &Dispatch, now: Timestamp) {
        let age = |due: Option<Timestamp>| due.map_or(0, |due| whole(now.since(due).as_secs()));
        self.waiting.set(whole(dispatch.waiting()));
        self.in_flight.set(whole(dispatch.in_flight()));
        self.unrecorded.set(whole(dispatch.unrecorded()));
        self.endpoints_parked.set(whole(dispatch.parked()));
        self.endpoints_gone.set(whole(dispatch.gone()));
        for (pushes, &waiting) in dispatch.stages().iter().enumerate() {
            self.pending.with_label_values(&[pushes.to_string()]).set(whole(waiting));
        }
        let mut oldest = 0;
        for lane in Lane::ALL {
            let (figures, label) = (dispatch.lane(lane), [lane.as_str()]);
            oldest = oldest.max(age(figures.oldest_due));
            self.lane_due.with_label_values(&label).set(whole(figures.due));
            self.lane_oldest_due_seconds.with_label_values(&label).set(age(figures.oldest_due));
            self.lane_in_flight.with_label_values(&label).set(whole(figures.in_flight));
            self.lane_slots.with_label_values(&label).set(whole(figures.slots));
            self.lane_endpoints.with_label_values(&label).set(whole(figures.endpoints));
        }
        self.oldest_due_seconds.set(oldest);
        // Where the system does not show them, the gauges stay zero.
        self.open_files.set(whole(std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)));
        self.open_files_max.set(open_files_max().map_or(0, whole));
    }
}

/// How many files this process may have open; `None` when there is no limit.
pub fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

fn whole<T: TryInto<i64>>(value: T) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::domain::delivery::{Delivery, NoticeKind};
    use crate::domain::dispatch::{Dispatch, Limits};
    use crate::domain::id::{AppNo, RowKey};
    use crate::domain::time::Timestamp;
    use crate::metrics::Metrics;

    #[test]
    fn r15_pending_deliveries_show_by_stage_and_by_lane_with_the_age_of_the_oldest() {
        let mut dispatch = Dispatch::new(Limits { per_endpoint: 1, ..Limits::default() });
        let now = Timestamp::from_secs(1_700_000_000);
        for id in 1..=3 {
            let id = RowKey::from_stored(id).unwrap();
            dispatch.enqueue(Delivery::new(id, AppNo(1), NoticeKind::Cdr, None, now), now);
        }
        dispatch.start(now, 10);
        let metrics = Metrics::new();
        metrics.show_dispatch(&dispatch, now.after(std::time::Duration::from_secs(40)));
        let text = metrics.render();
        for line in [
            "privnum_deliveries_pending{pushes=\"0\"} 2",
            "privnum_deliveries_pending{pushes=\"6\"} 0",
            "privnum_push_due{lane=\"good\"} 2",
            "privnum_push_oldest_due_seconds{lane=\"good\"} 40",
            "privnum_push_in_flight{lane=\"good\"} 1",
            "privnum_push_slots{lane=\"suspect\"} 6144",
            "privnum_push_endpoints{lane=\"suspect\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
