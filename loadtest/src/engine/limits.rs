//! Descriptors: as many as the plan needs, or an error before anything is sent.

use anyhow::{Context as _, Result, ensure};

use super::clock::whole;
use super::schedule::mean_rate;
use crate::descriptors::{self, Limits};
use crate::plan::{Era, Operation, Pace, Plan, Step, Traffic};

/// For files and whatever else the process has open.
const RESERVED: u64 = 64;
/// Of each thread: its epoll instance and its timer.
const OF_THREAD: u64 = 2;
/// Where connections beside those that carry calls are as many as they become, no more are asked for.
const WANTED_MAX: u64 = 1 << 20;

/// Raises the limit of open files to what the plan needs; how many connections there may then be
/// beside those that carry calls.
pub(super) fn allow(plan: &Plan) -> Result<usize> {
    let limits = descriptors::limits();
    let Files { wanted, beside } = files(plan, limits)?;
    descriptors::raise_to(wanted).with_context(|| {
        format!("the limit of open files cannot be raised from {} to {wanted}", limits.soft)
    })?;
    Ok(usize::try_from(beside)?)
}

#[derive(Debug, PartialEq, Eq)]
struct Files {
    /// The limit that this takes.
    wanted: u64,
    /// Of them, for streams and for answers to the server.
    beside: u64,
}

fn files(plan: &Plan, Limits { soft, hard }: Limits) -> Result<Files> {
    let (connections, threads) = (plan.connections as u64, plan.threads as u64);
    let taken = connections + OF_THREAD * threads + RESERVED;
    // A server of the legacy era may ask something within any call, and no call ends before it has
    // its answer.
    let any_beside = has_streams(plan) || plan.era == Era::Legacy;
    let beside = if any_beside { streams_expected(plan).max(threads) } else { 0 };
    let needed = taken + beside;
    ensure!(
        needed <= hard,
        "the plan needs {needed} open files, {connections} for connections that carry calls and \
         {beside} beside them (for streams, and for answers to a server that asks), and this process \
         may have {hard}; raise the hard limit (`ulimit -Hn {needed}`, or `LimitNOFILE=` of a unit), or \
         ask for fewer"
    );
    // How many streams a closed loop or a search opens, and how often a server asks, is not known.
    let wanted = if any_beside { hard.min(WANTED_MAX).max(needed) } else { needed };
    Ok(Files { wanted, beside: soft.max(wanted) - taken })
}

fn has_streams(plan: &Plan) -> bool {
    let Traffic::Mix(parts) = &plan.traffic else { return false };
    parts.iter().any(|part| matches!(part.operation, Operation::Stream { .. }))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::tests::rig;

    /// Two threads with a thousand connections: 1068 files, before any beside them.
    fn plan(era: Era, operations: &[Operation]) -> Plan {
        let address = ([127, 0, 0, 1], 9).into();
        let pace = Pace::Closed { concurrency: 1000, duration: Duration::from_secs(1) };
        let traffic = rig::mix(operations);
        Plan { era, pace, traffic, connections: 1000, threads: 2, ..rig::plan(address) }
    }

    fn allowed(plan: &Plan, soft: u64, hard: u64) -> Result<Files> {
        files(plan, Limits { soft, hard })
    }

    #[test]
    fn calls_alone_take_no_more_files_than_they_need() {
        let modern = plan(Era::Modern, &[Operation::List]);
        let allowed = |soft, hard| allowed(&modern, soft, hard).unwrap();
        assert_eq!(allowed(1024, 4096), Files { wanted: 1068, beside: 0 });
        assert_eq!(allowed(2000, 4096), Files { wanted: 1068, beside: 932 });
        assert_eq!(allowed(1024, 1068).wanted, 1068);
    }

    #[test]
    fn a_legacy_server_that_asks_within_each_call_has_its_answers() {
        let legacy = plan(Era::Legacy, &[Operation::List]);
        let allowed = |hard| allowed(&legacy, 1024, hard);
        assert_eq!(allowed(4096).unwrap(), Files { wanted: 4096, beside: 3028 });
        assert_eq!(allowed(u64::MAX).unwrap().wanted, WANTED_MAX);
        assert_eq!(allowed(1070).unwrap().beside, 2, "one a thread at least");
        let said = allowed(1069).unwrap_err().to_string();
        assert!(said.contains("needs 1070 open files") && said.contains("2 beside them"), "{said}");
    }

    #[test]
    fn streams_have_places_however_briefly_they_are_held() {
        for hold in [Duration::ZERO, Duration::from_secs(10)] {
            let streams = plan(Era::Modern, &[Operation::List, Operation::Stream { hold }]);
            assert_eq!(allowed(&streams, 1024, 4096).unwrap().beside, 3028);
            assert!(allowed(&streams, 1024, 1069).is_err());
            // Of an open loop it is known how many there are: ten seconds of five a second.
            let open = Plan { pace: rig::open(10.0, 60.0), ..streams };
            let least = if hold.is_zero() { 2 } else { 50 + 28 };
            assert_eq!(allowed(&open, 1024, 1068 + least).unwrap().beside, least);
            assert!(allowed(&open, 1024, 1068 + least - 1).is_err());
        }
    }
}
