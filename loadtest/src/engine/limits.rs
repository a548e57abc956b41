//! Descriptors: as many as the plan needs, or an error before anything is sent.

use anyhow::{Context as _, Result, ensure};

use super::clock::whole;
use super::schedule::mean_rate;
use crate::descriptors::{self, Limits};
use crate::plan::{Operation, Pace, Plan, Step, Traffic};
use crate::report::units::real;

/// For files and whatever else the process has open; each thread has an epoll instance beside.
const RESERVED: u64 = 64;

/// Raises the limit of open files to what the plan needs; how many streams may then be open.
pub(super) fn allow(plan: &Plan) -> Result<usize> {
    let Limits { soft, hard } = descriptors::limits();
    let carriers = plan.connections as u64 + plan.threads as u64 + RESERVED;
    let streams = streams_expected(plan);
    let needed = carriers + streams;
    ensure!(
        needed <= hard,
        "the plan needs {needed} open files, {} for connections and {streams} for streams, and this \
         process may have {hard}; raise the hard limit (`ulimit -Hn {needed}`, or `LimitNOFILE=` of \
         a unit), or ask for fewer",
        plan.connections
    );
    ensure!(
        !has_streams(plan) || hard >= carriers + plan.threads as u64,
        "the plan opens streams and this process may have {hard} open files, of which {carriers} are \
         taken before the first stream; raise the hard limit (`ulimit -Hn`, or `LimitNOFILE=` of a \
         unit)"
    );
    // Streams of a closed loop or a search are as many as they become.
    let wanted = if has_streams(plan) { hard.min(1 << 20).max(needed) } else { needed };
    descriptors::raise_to(wanted).with_context(|| {
        format!("the limit of open files cannot be raised from {soft} to {wanted}")
    })?;
    Ok(usize::try_from(soft.max(wanted) - carriers)?)
}

fn has_streams(plan: &Plan) -> bool {
    share_of_streams(plan) > 0.0
}

/// The part of the calls that open streams, each weighted with how many seconds it is held.
fn share_of_streams(plan: &Plan) -> f64 {
    let Traffic::Mix(parts) = &plan.traffic else { return 0.0 };
    let sum: f64 = parts.iter().map(|part| part.weight).sum();
    let held = parts.iter().filter_map(|part| match part.operation {
        Operation::Stream { hold } => Some(part.weight * hold.as_secs_f64()),
        _ => None,
    });
    held.sum::<f64>() / sum
}

/// How many are open at once when the rate is highest, with room for chance.
fn streams_expected(plan: &Plan) -> u64 {
    let Pace::Open { steps, .. } = &plan.pace else { return 0 };
    let highest = |step: &Step| step.from_per_second.max(step.to_per_second);
    let rate = steps.iter().map(highest).fold(0.0, f64::max);
    let calls: f64 = steps.iter().map(|step| mean_rate(step) * step.duration.as_secs_f64()).sum();
    let open = (rate * share_of_streams(plan)).min(calls);
    whole(open + 4.0 * open.sqrt()).max(u64::from(open > 0.0))
}

/// A number of streams that one of so many threads may hold open.
pub(super) fn of_thread(streams: usize, threads: usize) -> usize {
    whole(real(streams as u64) / real(threads.max(1) as u64)).try_into().unwrap_or(streams)
}
