//! Every metric: its name, its help text and its labels, declared once.
//!
//! Labels have few values that we choose; an app key, a number or a URL is never one.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use rustix::process::{Resource, getrlimit};

use crate::domain::dispatch::{Dispatch, Lane};
use crate::domain::time::Timestamp;

/// All metrics of one gateway.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Requests answered, by `listener` (customer, switch, operator) and HTTP `status`.
    pub requests: IntCounterVec,
    /// Answers on the customer listener, by `code`.
    pub result_codes: IntCounterVec,
    /// Requests that reused a nonce within the clock window.
    pub nonces_reused: IntCounter,
    /// Client addresses that were banned.
    pub bans: IntCounter,
    /// Bindings that stand.
    pub bindings: IntGauge,
    /// X numbers.
    pub numbers: IntGauge,
    /// Calls of which something was reported and that are not closed.
    pub calls_open: IntGauge,
    /// Bindings that ended, by `cause`.
    pub unbinds: IntCounterVec,
    /// Route answers, by `answer`: connect, or the cause of a reject.
    pub routes: IntCounterVec,
    /// Switch events, by `fate`: accepted, duplicate, parked.
    pub events: IntCounterVec,
    /// CDRs made, by `end`: reported or swept.
    pub cdrs: IntCounterVec,
    /// Pushes made, by `outcome`: delivered, failed.
    pub pushes: IntCounterVec,
    /// Deliveries given up after the last push of the schedule.
    pub exhausted: IntCounter,
    /// Deliveries that wait for their (next) push.
    pub deliveries_waiting: IntGauge,
    /// Pushes under way.
    pub deliveries_in_flight: IntGauge,
    /// Age in seconds of the oldest delivery that is due and not being pushed.
    pub delivery_oldest_due_seconds: IntGauge,
    /// Deliveries that wait, by `pushes` made so far; `7` counts more, too.
    deliveries_pending: IntGaugeVec,
    /// Deliveries that are due and not being pushed, by `lane`: good, suspect.
    push_due: IntGaugeVec,
    /// Age in seconds of the oldest of those, by `lane`.
    push_oldest_due_seconds: IntGaugeVec,
    /// Pushes under way, by `lane`.
    push_in_flight: IntGaugeVec,
    /// Pushes that may be under way at once, by `lane`.
    push_slots: IntGaugeVec,
    /// Endpoints that something is due for or being pushed to, by `lane`.
    push_endpoints: IntGaugeVec,
    /// Endpoints whose due deliveries wait for the receiver to get well.
    push_endpoints_parked: IntGauge,
    /// Endpoints that answered 410 and have taken nothing since.
    push_endpoints_gone: IntGauge,
    /// Pushes that have ended and are not on record yet.
    pushes_unrecorded: IntGauge,
    /// How late pushes start, in seconds after they were due, those included that were held back.
    pub push_lateness_seconds: Histogram,
    /// How often the clock was set by a minute or more.
    pub clock_jumps: IntCounter,
    /// 1 while the store takes writes.
    pub store_ok: IntGauge,
    /// Files that the process has open, sockets included.
    open_files: IntGauge,
    /// Files that the process may open.
    open_files_max: IntGauge,
    /// How long commits take, in seconds.
    pub commit_seconds: Histogram,
    /// How many commands and reports share a commit.
    pub commit_jobs: Histogram,
    /// Commits that failed.
    pub store_errors: IntCounter,
    /// 1 while the gateway serves, 0 while it loads or stops.
    pub serving: IntGauge,
}

impl Metrics {
    /// Fresh metrics, all zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help).expect("the name is valid");
            registry.register(Box::new(counter.clone())).expect("each metric is declared once");
            counter
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("the names are valid");
            registry.register(Box::new(counters.clone())).expect("each metric is declared once");
            counters
        };
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
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options).expect("the name is valid");
            registry.register(Box::new(histogram.clone())).expect("each metric is declared once");
            histogram
        };
        let commit_buckets = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];
        Self {
            requests: counters("privnum_requests_total", "Requests answered.", &["listener", "status"]),
            result_codes: counters(
                "privnum_result_codes_total",
                "Answers to customers by result code.",
                &["code"],
            ),
            nonces_reused: counter("privnum_nonces_reused_total", "Requests that reused a nonce."),
            bans: counter("privnum_bans_total", "Client addresses that were banned."),
            bindings: gauge("privnum_bindings", "Bindings that stand."),
            numbers: gauge("privnum_numbers", "X numbers."),
            calls_open: gauge("privnum_calls_open", "Calls that are not closed."),
            unbinds: counters("privnum_unbinds_total", "Bindings that ended.", &["cause"]),
            routes: counters("privnum_routes_total", "Route answers.", &["answer"]),
            events: counters("privnum_events_total", "Switch events.", &["fate"]),
            cdrs: counters("privnum_cdrs_total", "CDRs made.", &["end"]),
            pushes: counters("privnum_pushes_total", "Pushes made.", &["outcome"]),
            exhausted: counter(
                "privnum_deliveries_exhausted_total",
                "Deliveries given up after the last push.",
            ),
            deliveries_waiting: gauge("privnum_deliveries_waiting", "Deliveries that wait for a push."),
            deliveries_in_flight: gauge("privnum_deliveries_in_flight", "Pushes under way."),
            delivery_oldest_due_seconds: gauge(
                "privnum_delivery_oldest_due_seconds",
                "Age of the oldest delivery that is due and not being pushed.",
            ),
            push_lateness_seconds: histogram(
                "privnum_push_lateness_seconds",
                "How late pushes start.",
                &[0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 18_000.0],
            ),
            deliveries_pending: gauges(
                "privnum_deliveries_pending",
                "Deliveries that wait for a push, by pushes made so far.",
                "pushes",
            ),
            push_due: gauges("privnum_push_due", "Deliveries that are due and not being pushed.", "lane"),
            push_oldest_due_seconds: gauges(
                "privnum_push_oldest_due_seconds",
                "Age of the oldest delivery that is due and not being pushed.",
                "lane",
            ),
            push_in_flight: gauges("privnum_push_in_flight", "Pushes under way.", "lane"),
            push_slots: gauges("privnum_push_slots", "Pushes that may be under way at once.", "lane"),
            push_endpoints: gauges(
                "privnum_push_endpoints",
                "Endpoints that something is due for or being pushed to.",
                "lane",
            ),
            push_endpoints_parked: gauge(
                "privnum_push_endpoints_parked",
                "Endpoints whose due deliveries wait for the receiver to get well.",
            ),
            push_endpoints_gone: gauge(
                "privnum_push_endpoints_gone",
                "Endpoints that answered 410 and have taken nothing since.",
            ),
            pushes_unrecorded: gauge("privnum_pushes_unrecorded", "Pushes ended and not on record yet."),
            clock_jumps: counter("privnum_clock_jumps_total", "Times the clock was set by a minute or more."),
            store_ok: gauge("privnum_store_ok", "1 while the store takes writes."),
            open_files: gauge("privnum_open_files", "Files that the process has open."),
            open_files_max: gauge("privnum_open_files_max", "Files that the process may open."),
            commit_seconds: histogram("privnum_commit_seconds", "How long commits take.", &commit_buckets),
            commit_jobs: histogram(
                "privnum_commit_jobs",
                "How many commands and reports share a commit.",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0],
            ),
            store_errors: counter("privnum_store_errors_total", "Commits that failed."),
            serving: gauge("privnum_serving", "1 while the gateway serves."),
            registry,
        }
    }

    /// Takes over what the scheduler shows of itself.
    pub fn show_dispatch(&self, dispatch: &Dispatch, now: Timestamp) {
        let age = |due: Option<Timestamp>| due.map_or(0, |due| whole(now.since(due).as_secs()));
        self.deliveries_waiting.set(whole(dispatch.waiting()));
        self.deliveries_in_flight.set(whole(dispatch.in_flight()));
        self.pushes_unrecorded.set(whole(dispatch.unrecorded()));
        for (pushes, &waiting) in dispatch.stages().iter().enumerate() {
            self.deliveries_pending.with_label_values(&[pushes.to_string()]).set(whole(waiting));
        }
        let mut oldest = 0;
        for lane in Lane::ALL {
            let (figures, label) = (dispatch.lane(lane), [lane.as_str()]);
            let set = |gauges: &IntGaugeVec, value: i64| gauges.with_label_values(&label).set(value);
            oldest = oldest.max(age(figures.oldest_due));
            set(&self.push_due, whole(figures.due));
            set(&self.push_oldest_due_seconds, age(figures.oldest_due));
            set(&self.push_in_flight, whole(figures.in_flight));
            set(&self.push_slots, whole(figures.slots));
            set(&self.push_endpoints, whole(figures.endpoints));
        }
        self.delivery_oldest_due_seconds.set(oldest);
        self.push_endpoints_parked.set(whole(dispatch.parked()));
        self.push_endpoints_gone.set(whole(dispatch.gone()));
    }

    /// Looks how many files are open. Where that cannot be seen, the gauges stay zero.
    pub fn show_files(&self) {
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(whole(open));
        self.open_files_max.set(open_files_max().map_or(0, whole));
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("metrics encode as text")
    }
}

/// How many files this process may have open; `None` when there is no limit.
pub fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

fn whole<T: TryInto<i64>>(value: T) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_shows_in_the_text() {
        let metrics = Metrics::new();
        metrics.requests.with_label_values(&["customer", "200"]).inc();
        assert!(metrics.render().contains("privnum_requests_total{listener=\"customer\",status=\"200\"} 1"));
    }
}
