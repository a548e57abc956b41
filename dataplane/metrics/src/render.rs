//! Prometheus text exposition, version 0.0.4.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cells::{ACTIONS, BUCKETS, CLASSES, Cells, DIRECTIONS, METRICS, REFUSALS};

/// All shards' cells as Prometheus text; the label `shard` is the position in `shards`.
pub fn render(shards: &[Arc<Cells>]) -> String {
    let mut out = String::with_capacity(8 << 10);
    // Writing to a String cannot fail.
    let _ = write(&mut out, shards);
    out
}

fn write(out: &mut String, shards: &[Arc<Cells>]) -> std::fmt::Result {
    for (metric, name, kind, help) in METRICS {
        writeln!(out, "# HELP penstock_{name} {help}\n# TYPE penstock_{name} {kind}")?;
        for (shard, cells) in shards.iter().enumerate() {
            writeln!(out, "penstock_{name}{{shard=\"{shard}\"}} {}", cells.value(metric))?;
        }
    }
    writeln!(
        out,
        "# HELP penstock_refusals_total Answers of penstock's own, by reason.\n\
         # TYPE penstock_refusals_total counter"
    )?;
    for (shard, cells) in shards.iter().enumerate() {
        for (refusal, reason) in REFUSALS {
            let count = cells.refusals[refusal as usize].load(Ordering::Relaxed);
            writeln!(
                out,
                "penstock_refusals_total{{shard=\"{shard}\",reason=\"{reason}\"}} {count}"
            )?;
        }
    }
    findings(out, shards)?;
    writeln!(
        out,
        "# HELP penstock_call_seconds From a request's head being read to its answer's last byte.\n\
         # TYPE penstock_call_seconds histogram"
    )?;
    for (shard, cells) in shards.iter().enumerate() {
        let mut total = 0;
        for bucket in 0..=BUCKETS {
            total += cells.latency.counts[bucket].load(Ordering::Relaxed);
            if bucket < BUCKETS {
                let micros = 64_u64 << bucket;
                writeln!(
                    out,
                    "penstock_call_seconds_bucket{{shard=\"{shard}\",le=\"{}.{:06}\"}} {total}",
                    micros / 1_000_000,
                    micros % 1_000_000
                )?;
            }
        }
        let sum = cells.latency.sum_us.load(Ordering::Relaxed);
        writeln!(
            out,
            "penstock_call_seconds_bucket{{shard=\"{shard}\",le=\"+Inf\"}} {total}\n\
             penstock_call_seconds_sum{{shard=\"{shard}\"}} {}.{:06}\n\
             penstock_call_seconds_count{{shard=\"{shard}\"}} {total}",
            sum / 1_000_000,
            sum % 1_000_000
        )?;
    }
    Ok(())
}

/// A line for each class, action and direction of which there was one: most never have any.
fn findings(out: &mut String, shards: &[Arc<Cells>]) -> std::fmt::Result {
    let name = "penstock_inspection_findings_total";
    writeln!(out, "# HELP {name} What was found in messages.\n# TYPE {name} counter")?;
    for (shard, cells) in shards.iter().enumerate() {
        for (class, actions) in CLASSES.iter().zip(&cells.findings) {
            for (action, directions) in ACTIONS.iter().zip(actions) {
                for (direction, count) in DIRECTIONS.iter().zip(directions) {
                    let count = count.load(Ordering::Relaxed);
                    if count > 0 {
                        writeln!(
                            out,
                            "{name}{{shard=\"{shard}\",class=\"{class}\",action=\"{action}\",\
                             direction=\"{direction}\"}} {count}"
                        )?;
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Metric, Refusal};

    #[test]
    fn every_shard_has_every_family() {
        let shards = [Arc::new(Cells::default()), Arc::new(Cells::default())];
        shards[1].inc(Metric::Requests);
        shards[1].refuse(Refusal::Origin);
        shards[1].latency.record(100);
        shards[0].finding("iban", "redact", Direction::Response);
        shards[0].finding("of a later release", "block", Direction::Request);
        let text = render(&shards);
        assert!(text.contains("penstock_requests_total{shard=\"0\"} 0\n"));
        assert!(text.contains("penstock_requests_total{shard=\"1\"} 1\n"));
        assert!(text.contains("penstock_refusals_total{shard=\"1\",reason=\"origin\"} 1\n"));
        assert!(text.contains("penstock_call_seconds_bucket{shard=\"1\",le=\"0.000064\"} 0\n"));
        assert!(text.contains("penstock_call_seconds_bucket{shard=\"1\",le=\"0.000128\"} 1\n"));
        assert!(text.contains("penstock_call_seconds_sum{shard=\"1\"} 0.000100\n"));
        let findings: Vec<_> =
            text.lines().filter(|line| line.contains("findings_total{")).collect();
        assert_eq!(
            findings,
            [
                "penstock_inspection_findings_total{shard=\"0\",class=\"iban\",action=\"redact\",\
                 direction=\"response\"} 1",
                "penstock_inspection_findings_total{shard=\"0\",class=\"other\",action=\"block\",\
                 direction=\"request\"} 1",
            ]
        );
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (_, value) = line.rsplit_once(' ').expect("a name and a value");
            value.parse::<f64>().expect("a number");
        }
    }
}
