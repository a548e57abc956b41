//! The plan, and the machine, in words.

use std::fs;
use std::time::Duration;

use super::clock::nanoseconds;
use super::observe::cores;
use super::schedule::is_level;
use crate::plan::{Arrival, Era, Expect, Operation, Pace, Plan, Size, Step, Traffic};
use crate::report::model::{Machine, PlanSummary};
use crate::report::units::{Unit, counted, rates, seconds};

/// Parts of a mix, or steps of a rate, that are told one by one.
const TOLD_MAX: usize = 8;

pub(super) fn plan(plan: &Plan, threads: usize) -> PlanSummary {
    let milliseconds = |duration| nanoseconds(duration) / 1_000_000;
    PlanSummary {
        url: plan.target.url.clone(),
        era: match plan.era {
            Era::Modern => "modern",
            Era::Legacy => "legacy",
        }
        .to_owned(),
        pace: pace(&plan.pace),
        traffic: traffic(&plan.traffic),
        connections: plan.connections,
        agents: plan.agents.len(),
        sessions: plan.sessions,
        session_calls: plan.session_calls,
        threads,
        warm_up_ms: milliseconds(plan.warm_up),
        timeout_ms: milliseconds(plan.timeout),
        seed: plan.seed,
    }
}

fn pace(pace: &Pace) -> String {
    match pace {
        Pace::Closed { concurrency, duration } => {
            format!("closed, {concurrency} in flight for {}", length(*duration))
        }
        Pace::Open { steps, arrival } => {
            format!("open, {}{}", listed(steps, step, ", then "), evenly(*arrival))
        }
        Pace::Recorded { duration, speed } => {
            let speed = match *speed {
                1.0 => String::new(),
                speed => format!(", {speed} times as fast"),
            };
            format!("open, as recorded{speed}, for {}", length(*duration))
        }
        Pace::Search(search) => {
            let bounds: Vec<&str> = search.bounds.iter().map(|bound| bound.text.as_str()).collect();
            format!(
                "search within {}, from {}, {} a step{}",
                bounds.join(", "),
                match search.to_per_second {
                    Some(to) => rates(search.from_per_second, to),
                    None => Unit::PerSecond.show(search.from_per_second),
                },
                length(search.duration),
                evenly(search.arrival)
            )
        }
    }
}

fn step(step: &Step) -> String {
    let time = if is_level(step) { "for" } else { "over" };
    let rates = rates(step.from_per_second, step.to_per_second);
    format!("{rates} {time} {}", length(step.duration))
}

fn evenly(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::Poisson => "",
        Arrival::Even => ", evenly apart",
    }
}

fn traffic(traffic: &Traffic) -> String {
    match traffic {
        Traffic::Mix(parts) => {
            let part = |part: &crate::plan::Part| {
                format!("{} {}", part.weight, operation(&part.operation))
            };
            listed(parts, part, ", ")
        }
        Traffic::Replay(messages) => {
            format!("a recording of {}", counted(messages.len() as u64, "message"))
        }
    }
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Initialize => "init".to_owned(),
        Operation::List => "list".to_owned(),
        Operation::Ping => "ping".to_owned(),
        Operation::Read { uri } => format!("read {uri}"),
        Operation::Prompt { name } => format!("prompt {name}"),
        Operation::Stream { hold } => format!("stream held {}", length(*hold)),
        Operation::Call(call) => {
            let mut text = format!("call {}", call.tool);
            match call.padding_bytes {
                Size::Fixed(0) => {}
                Size::Fixed(bytes) => text += &format!(" with {bytes} B"),
                Size::Between(least, most) => text += &format!(" with {least} to {most} B"),
            }
            if call.progress {
                text += " with progress";
            }
            text += match call.expect {
                Expect::Success => "",
                Expect::Refusal => " (to be refused)",
                Expect::Any => " (refused or not)",
            };
            text
        }
    }
}

fn listed<T>(all: &[T], one: impl Fn(&T) -> String, between: &str) -> String {
    let mut told: Vec<String> = all.iter().take(TOLD_MAX).map(one).collect();
    if all.len() > TOLD_MAX {
        told.push(format!("{} more", all.len() - TOLD_MAX));
    }
    told.join(between)
}

fn length(duration: Duration) -> String {
    seconds(duration.as_secs_f64())
}

pub(super) fn machine() -> Machine {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What follows the version may name the host's owner.
    let version = kernel.trim().split('-').next().unwrap_or_default();
    Machine {
        cpu: cpu.map_or("unknown", |(_, model)| model).to_owned(),
        cores: cores(None).len(),
        kernel: version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_reads_as_it_was_meant() {
        let level = Step {
            from_per_second: 2000.0,
            to_per_second: 2000.0,
            duration: Duration::from_secs(30),
        };
        let ramp = Step { from_per_second: 0.0, duration: Duration::from_millis(1500), ..level };
        let open = |steps: &[Step], arrival| pace(&Pace::Open { steps: steps.to_vec(), arrival });
        assert_eq!(open(&[level], Arrival::Poisson), "open, 2,000/s for 30 s");
        assert_eq!(
            open(&[ramp, level], Arrival::Even),
            "open, 0/s to 2,000/s over 1.5 s, then 2,000/s for 30 s, evenly apart"
        );
        assert!(open(&[level; 20], Arrival::Poisson).ends_with(", then 12 more"));
        let duration = Duration::from_secs(10);
        assert_eq!(
            [1.0, 2.5].map(|speed| pace(&Pace::Recorded { duration, speed })),
            ["open, as recorded, for 10 s", "open, as recorded, 2.5 times as fast, for 10 s"]
        );
        let message = crate::plan::Recorded { at: None, method: "ping".to_owned(), params: None };
        assert_eq!(traffic(&Traffic::Replay(vec![message])), "a recording of 1 message");
        let closed = Pace::Closed { concurrency: 32, duration: Duration::from_secs(10) };
        assert_eq!(pace(&closed), "closed, 32 in flight for 10 s");
    }
}
