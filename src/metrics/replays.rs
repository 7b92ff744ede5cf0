//! How far the replays are. Brought up to date when somebody is about to read them.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use crate::domain::replay::{Phase, ReplayFigures};
use crate::domain::time::Timestamp;

/// Gauges of the replays that are not over. `state` is running or paused.
#[derive(Debug, Clone)]
pub(super) struct ReplayGauges {
    open: IntGaugeVec,
    left: IntGauge,
    idle_seconds: IntGauge,
}

impl ReplayGauges {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect("the name is valid");
            registry.register(Box::new(gauge.clone())).expect("each metric is declared once");
            gauge
        };
        let open = Opts::new("privnum_replays", "Replays that are not over.");
        let open = IntGaugeVec::new(open, &["state"]).expect("the names are valid");
        registry.register(Box::new(open.clone())).expect("each metric is declared once");
        Self {
            open,
            left: gauge("privnum_replay_deliveries_left", "Deliveries that running replays have to push."),
            idle_seconds: gauge(
                "privnum_replay_idle_seconds",
                "How long the running replay that has waited longest has had no push.",
            ),
        }
    }

    pub(super) fn show(&self, figures: ReplayFigures, now: Timestamp) {
        let ReplayFigures { running, paused, left, idle_since } = figures;
        for (phase, count) in [(Phase::Running, running), (Phase::Paused, paused)] {
            self.open.with_label_values(&[phase.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.left.set(i64::try_from(left).unwrap_or(i64::MAX));
        let idle = idle_since.map_or(0, |since| now.since(since).as_secs());
        self.idle_seconds.set(i64::try_from(idle).unwrap_or(i64::MAX));
    }
}
