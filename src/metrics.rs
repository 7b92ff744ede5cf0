//! Every metric: its name, its help text and its labels, declared once.
//!
//! Labels have few values that we choose; an app key, a number or a URL is never one.

mod replays;
mod scheduler;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

pub use self::scheduler::open_files_max;

use self::replays::ReplayGauges;
use self::scheduler::SchedulerGauges;
use crate::domain::dispatch::Dispatch;
use crate::domain::replay::ReplayFigures;
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
    /// Short messages decided about, by `decision`: forward, or why it was dropped.
    pub messages: IntCounterVec,
    /// Short messages that ended, by `result` (sendResult).
    pub message_results: IntCounterVec,
    /// Short messages whose result is awaited.
    pub messages_open: IntGauge,
    /// Orders to the switch to end a call, by `outcome`: ending, ended, failed.
    pub call_stops: IntCounterVec,
    /// Recordings, by `fate`: kept, short, refused, expired, failed.
    pub recordings: IntCounterVec,
    /// Pushes made, by `outcome`: delivered, failed.
    pub pushes: IntCounterVec,
    /// Connections of pushes, by `kind`: new, kept, replaced, or none when there was none to be had.
    pub push_connections: IntCounterVec,
    /// Pushes that got no answer that counts, by `class` of the failure.
    pub push_failures: IntCounterVec,
    /// Questions to customers, by `kind` (call) and `result`: answered, failed, full when too many were under way,
    /// no_url.
    pub questions: IntCounterVec,
    /// How long customers took to answer, or to fail to, in seconds, by `kind`.
    pub question_seconds: HistogramVec,
    /// Deliveries given up after the last push of the schedule.
    pub exhausted: IntCounter,
    /// What the scheduler shows of itself.
    scheduler: SchedulerGauges,
    replays: ReplayGauges,
    /// How late pushes start, in seconds after they were due, those included that were held back.
    pub push_lateness_seconds: Histogram,
    /// Deliveries that replays got through: pushed, or gone.
    pub replayed: IntCounter,
    /// How often the clock was set by a minute or more.
    pub clock_jumps: IntCounter,
    /// 1 while the store takes writes.
    pub store_ok: IntGauge,
    /// How long the commit under way has taken so far, in whole seconds; 0 while none is.
    pub commit_running_seconds: IntGauge,
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
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options).expect("the name is valid");
            registry.register(Box::new(histogram.clone())).expect("each metric is declared once");
            histogram
        };
        let histograms = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histograms = HistogramVec::new(options, labels).expect("the names are valid");
            registry.register(Box::new(histograms.clone())).expect("each metric is declared once");
            histograms
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
            messages: counters("privnum_messages_total", "Short messages decided about.", &["decision"]),
            message_results: counters(
                "privnum_message_results_total",
                "Short messages that ended.",
                &["result"],
            ),
            messages_open: gauge("privnum_messages_open", "Short messages whose result is awaited."),
            call_stops: counters("privnum_call_stops_total", "Orders to end a call.", &["outcome"]),
            recordings: counters("privnum_recordings_total", "Recordings by fate.", &["fate"]),
            pushes: counters("privnum_pushes_total", "Pushes made.", &["outcome"]),
            push_connections: counters("privnum_push_connections_total", "Connections of pushes.", &["kind"]),
            push_failures: counters(
                "privnum_push_failures_total",
                "Pushes without an answer that counts.",
                &["class"],
            ),
            questions: counters(
                "privnum_questions_total",
                "Questions to customers while somebody waited.",
                &["kind", "result"],
            ),
            question_seconds: histograms(
                "privnum_question_seconds",
                "How long customers took to answer questions.",
                &["kind"],
                &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0],
            ),
            exhausted: counter(
                "privnum_deliveries_exhausted_total",
                "Deliveries given up after the last push.",
            ),
            push_lateness_seconds: histogram(
                "privnum_push_lateness_seconds",
                "How late pushes start.",
                &[0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 18_000.0],
            ),
            replayed: counter("privnum_replayed_total", "Deliveries that replays got through."),
            clock_jumps: counter("privnum_clock_jumps_total", "Times the clock was set by a minute or more."),
            store_ok: gauge("privnum_store_ok", "1 while the store takes writes."),
            commit_running_seconds: gauge(
                "privnum_commit_running_seconds",
                "How long the commit under way has taken so far.",
            ),
            commit_seconds: histogram("privnum_commit_seconds", "How long commits take.", &commit_buckets),
            commit_jobs: histogram(
                "privnum_commit_jobs",
                "How many commands and reports share a commit.",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0],
            ),
            store_errors: counter("privnum_store_errors_total", "Commits that failed."),
            serving: gauge("privnum_serving", "1 while the gateway serves."),
            scheduler: SchedulerGauges::new(&registry),
            replays: ReplayGauges::new(&registry),
            registry,
        }
    }

    /// Brings the gauges of the scheduler and of the open files up to date.
    pub fn show_dispatch(&self, dispatch: &Dispatch, now: Timestamp) {
        self.scheduler.show(dispatch, now);
    }

    /// Brings the gauges of the replays up to date.
    pub fn show_replays(&self, figures: ReplayFigures, now: Timestamp) {
        self.replays.show(figures, now);
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("metrics encode as text")
    }
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
