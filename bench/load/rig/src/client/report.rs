//! What came of a run: counts, and latencies in a histogram that keeps three digits at every scale.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::connection::Answer;

/// Kinds of errors told apart in the report; the rest are counted together.
const MAX_KINDS: usize = 16;
/// Ten minutes; a longer latency is counted as this.
const LONGEST_NS: u64 = 600_000_000_000;

pub struct Tally {
    record_from: Instant,
    counts: Counts,
    errors: BTreeMap<String, u64>,
    latency: Recorder,
    first_byte: Recorder,
    lag: Recorder,
}

#[derive(Serialize, Default, Clone)]
struct Counts {
    /// Answers that were whole and had status 200.
    ok: u64,
    /// All other ends of a request.
    failed: u64,
    /// Server-sent events of the answers in `ok`.
    events: u64,
    body_bytes: u64,
    /// Connections the server closed between requests.
    reconnects: u64,
}

struct Recorder(Histogram<u64>);

/// Microseconds.
#[derive(Serialize, Clone, Copy, Default)]
struct Percentiles {
    samples: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

#[derive(Serialize)]
pub struct Report {
    #[serde(flatten)]
    counts: Counts,
    errors: BTreeMap<String, u64>,
    elapsed_s: f64,
    per_second: f64,
    /// From when the request was due to the last byte of its answer.
    latency_us: Percentiles,
    /// The same to the first byte.
    first_byte_us: Percentiles,
    /// How late requests were begun: what this client, or a shortage of connections, added itself.
    lag_us: Percentiles,
}

// === impl Tally ===

impl Tally {
    pub fn new(record_from: Instant) -> io::Result<Self> {
        Ok(Self {
            record_from,
            counts: Counts::default(),
            errors: BTreeMap::new(),
            latency: Recorder::new()?,
            first_byte: Recorder::new()?,
            lag: Recorder::new()?,
        })
    }

    pub fn sent(&mut self, due: Instant) {
        if due >= self.record_from {
            self.lag.record(due.elapsed());
        }
    }

    pub fn answered(&mut self, answer: &Answer) {
        if answer.status != 200 {
            return self.failed(&format!("status {}", answer.status));
        }
        if !answer.complete {
            return self.failed("a stream ended without [DONE]");
        }
        self.counts.ok += 1;
        self.counts.events += answer.events;
        self.counts.body_bytes += answer.body_bytes;
        if answer.due >= self.record_from {
            self.latency.record(answer.latency);
            self.first_byte.record(answer.first_byte);
        }
    }

    pub fn failed(&mut self, why: &str) {
        self.counts.failed += 1;
        let kind =
            if self.errors.len() < MAX_KINDS || self.errors.contains_key(why) { why } else { "others" };
        *self.errors.entry(kind.to_owned()).or_default() += 1;
    }

    pub fn abandoned(&mut self, requests: usize) {
        for _ in 0..requests {
            self.failed("no end within the patience");
        }
    }

    pub fn reconnected(&mut self) {
        self.counts.reconnects += 1;
    }

    pub fn report(self, elapsed: Duration) -> Report {
        Report {
            per_second: self.counts.ok as f64 / elapsed.as_secs_f64(),
            elapsed_s: elapsed.as_secs_f64(),
            latency_us: self.latency.percentiles(),
            first_byte_us: self.first_byte.percentiles(),
            lag_us: self.lag.percentiles(),
            counts: self.counts,
            errors: self.errors,
        }
    }
}

// === impl Recorder ===

impl Recorder {
    fn new() -> io::Result<Self> {
        Histogram::new_with_max(LONGEST_NS, 3).map(Self).map_err(io::Error::other)
    }

    fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS));
    }

    fn percentiles(&self) -> Percentiles {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles {
            samples: self.0.len(),
            mean: self.0.mean() / 1000.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max() as f64 / 1000.0,
        }
    }
}

// === impl Report ===

impl Report {
    pub fn print(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        io::stdout().write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, complete: bool, latency_ms: u64, due: Instant) -> Answer {
        let latency = Duration::from_millis(latency_ms);
        Answer {
            due,
            latency,
            first_byte: latency,
            status,
            events: 51,
            complete,
            body_bytes: 9,
            closing: false,
        }
    }

    #[test]
    fn only_whole_200s_are_successes() {
        let now = Instant::now();
        let mut tally = Tally::new(now).unwrap();
        tally.answered(&answer(200, true, 1, now));
        tally.answered(&answer(200, false, 1, now));
        tally.answered(&answer(503, true, 1, now));
        let report = tally.report(Duration::from_secs(1));
        assert_eq!((report.counts.ok, report.counts.failed, report.counts.events), (1, 2, 51));
        assert_eq!(report.errors["status 503"], 1);
    }

    #[test]
    fn percentiles_keep_three_digits_and_leave_the_warm_up_out() {
        let now = Instant::now();
        let mut tally = Tally::new(now).unwrap();
        if let Some(before) = now.checked_sub(Duration::from_secs(1)) {
            tally.answered(&answer(200, true, 50_000, before));
        }
        for latency_ms in 1..=1000 {
            tally.answered(&answer(200, true, latency_ms, now));
        }
        let latency = tally.report(Duration::from_secs(1)).latency_us;
        assert_eq!(latency.samples, 1000);
        assert!((latency.p50 / 500_000.0 - 1.0).abs() < 0.003, "{}", latency.p50);
        assert!((latency.p99 / 990_000.0 - 1.0).abs() < 0.003, "{}", latency.p99);
    }

    #[test]
    fn kinds_of_errors_are_bounded() {
        let mut tally = Tally::new(Instant::now()).unwrap();
        for kind in 0..100 {
            tally.failed(&format!("kind {kind}"));
        }
        assert_eq!(tally.errors.len(), MAX_KINDS + 1);
        assert_eq!(tally.errors["others"], 84);
    }
}
