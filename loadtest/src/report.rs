//! The table at the end, and what stands around it.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::drive::{Measured, Tally};

/// What one load came to in one round.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Good answers per second.
    pub per_second: f64,
    /// Latencies in milliseconds: p50, p99, p99.9.
    pub latencies_ms: [f64; 3],
    /// CPU of the server for each request of any load, microseconds.
    pub server_us: f64,
    /// CPU of the load generator for each request of any load, microseconds.
    pub client_us: f64,
    /// What other processes used meanwhile, in percent of one core.
    pub others_percent: f64,
    /// What else came.
    pub errors: BTreeMap<String, u64>,
}

impl Figures {
    /// Of load number `which`.
    pub fn of(measured: &Measured, which: usize) -> Self {
        let Tally { latencies, errors } = &measured.tallies[which];
        let all: u64 = measured.tallies.iter().map(|tally| tally.latencies.len()).sum();
        let each = |time: Duration| micros(time) / count(all).max(1.0);
        let seconds = measured.length.as_secs_f64();
        Self {
            per_second: count(latencies.len()) / seconds,
            latencies_ms: [0.5, 0.99, 0.999].map(|q| count(latencies.value_at_quantile(q)) / 1_000.0),
            server_us: each(measured.cpu.server),
            client_us: each(measured.cpu.client),
            others_percent: 100.0 * measured.cpu.others().as_secs_f64() / seconds,
            errors: errors.clone(),
        }
    }
}

/// A row: who answered what over how many connections, round by round.
#[derive(Debug)]
pub struct Row {
    /// `server` or `ceiling`, and what was asked.
    pub who: String,
    /// Over how many connections.
    pub connections: usize,
    /// One for each round.
    pub rounds: Vec<Figures>,
    /// The ceiling's rounds that ran beside them.
    pub ceiling: Vec<Figures>,
    /// What the ratio or the latency should be.
    pub aim: String,
}

/// Prints the rows; returns how many requests failed.
pub fn print(title: &str, rows: &[Row]) -> u64 {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "who",
        "conns",
        "per second",
        "min-max",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "server CPU us",
        "client CPU us",
        "others %",
        "ratio",
        "ratio by CPU",
        "aim",
        "errors",
    ]);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(&format!("\n{title}\n\n{table}"));
    let mut failed = 0;
    for (name, times) in rows.iter().flat_map(|row| &row.rounds).flat_map(|round| &round.errors) {
        failed += times;
        say(&format!("error: {times} times {name}"));
    }
    failed
}

fn cells(row: &Row) -> [String; 14] {
    let of = |figure: fn(&Figures) -> f64| median(row.rounds.iter().map(figure));
    let speeds = || row.rounds.iter().map(|round| round.per_second);
    let (slowest, fastest) = (speeds().fold(f64::INFINITY, f64::min), speeds().fold(0.0, f64::max));
    let ratio = |figure: fn(&Figures) -> f64| {
        let pairs = row.rounds.iter().zip(&row.ceiling);
        let ratios: Vec<_> = pairs.map(|(server, ceiling)| figure(server) / figure(ceiling)).collect();
        if ratios.is_empty() { String::new() } else { format!("{:.2}", median(ratios.into_iter())) }
    };
    let errors: u64 = row.rounds.iter().flat_map(|round| round.errors.values()).sum();
    [
        row.who.clone(),
        row.connections.to_string(),
        format!("{:.0}", of(|round| round.per_second)),
        format!("{slowest:.0}-{fastest:.0}"),
        format!("{:.2}", of(|round| round.latencies_ms[0])),
        format!("{:.2}", of(|round| round.latencies_ms[1])),
        format!("{:.2}", of(|round| round.latencies_ms[2])),
        format!("{:.1}", of(|round| round.server_us)),
        format!("{:.1}", of(|round| round.client_us)),
        format!("{:.0}", of(|round| round.others_percent)),
        ratio(|round| round.per_second),
        ratio(|round| 1.0 / (round.server_us + round.client_us)),
        row.aim.clone(),
        errors.to_string(),
    ]
}

/// The middle one; of an even count the lower of the two in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// A count as a number that can be divided.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub const fn count(count: u64) -> f64 {
    count as f64
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Writes a line to standard output. Whoever reads it may have gone; that is no fault.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Writes a line to standard error.
pub fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0].into_iter()) - 1.0).abs() < f64::EPSILON);
        assert!(median(std::iter::empty()).abs() < f64::EPSILON);
    }
}
