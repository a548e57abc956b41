//! A plan from what was said: defaults where nothing was, and each thing held against the others.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::agents::agents;
use super::bound::{Asserted, Searched};
use super::headers::together;
use super::mix::{Words, parts};
use super::settings::Settings;
use super::target::target;
use super::words::{Rate, Rates, Share, Speed, Time};
use super::{Arrival, Bound, Era, Pace, Plan, Recorded, Search, Step, Traffic, recording};
use crate::report::units::counted;

const CONCURRENCY: usize = 32;
const OPEN_CONNECTIONS: usize = 64;
const CONNECTIONS_MAX: usize = 65_536;
/// Threads that send; each has ids of its own.
pub(crate) const THREADS_MAX: usize = 256;
const SESSIONS_MAX: usize = 1_000_000;
const DURATION: Duration = Duration::from_secs(30);
const SEARCH_DURATION: Duration = Duration::from_secs(10);
const DURATION_MAX: Duration = Duration::from_hours(24 * 7);
const WARM_UP: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX: Duration = Duration::from_hours(1);
const SEARCH_FROM: f64 = 100.0;
const PRECISION: f64 = 0.02;
const SEED: u64 = 1;

/// What a plan needs beside the settings.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// A token of the environment.
    pub(super) token: Option<String>,
    /// The process to watch.
    pub(super) pid: Option<u32>,
}

/// A plan, what it is held against, and what is to be said before it starts.
pub(super) fn assemble(
    settings: Settings,
    surroundings: Surroundings,
    notes: &mut Vec<String>,
) -> Result<(Plan, Vec<Bound>)> {
    let Some(url) = &settings.url else {
        bail!("where to is not said: give a URL, or a scenario with `url`");
    };
    let era = settings.era.unwrap_or(Era::Modern);
    let traffic = traffic(&settings, era, notes)?;
    // What was recorded is sent as often as was asked for: a warm-up would keep its start, or a first
    // time of it, out of the numbers.
    let unsaid = if matches!(traffic, Traffic::Replay(_)) { Duration::ZERO } else { WARM_UP };
    let warm_up = settings.warm_up.map_or(unsaid, |Time(time)| time);
    ensure!(warm_up <= DURATION_MAX, "--warm-up is more than the limit of 7 days");
    let pace = pace(&settings, &traffic, warm_up)?;
    if let (Traffic::Replay(recorded), Pace::Closed { concurrency, .. }, None) =
        (&traffic, &pace, settings.concurrency)
    {
        notes.push(format!(
            "the recording has no times that differ, so what it holds ({}) is sent again and again, \
             {concurrency} at once: --rate, --concurrency and --duration say otherwise",
            counted(recorded.len() as u64, "message")
        ));
    }
    let connections = connections(&settings, &pace)?;
    let agents = {
        let authorizes = settings.header.iter().chain(&settings.headers.0);
        let token_file = settings.token_file.as_deref();
        let agents = agents(settings.agents, token_file, surroundings.token, notes)?;
        ensure!(
            agents.iter().all(|agent| agent.token.is_none())
                || !authorizes.into_iter().any(super::headers::Header::is_authorization),
            "there are tokens and a header `Authorization`: both say who calls, leave out one"
        );
        agents
    };
    if settings.header.iter().any(super::headers::Header::is_authorization) {
        notes.push(
            "everybody on this machine can read --header Authorization in the list of processes; \
             --token-file and a scenario's `headers` cannot be read there"
                .into(),
        );
    }
    let (sessions, session_calls) = sessions(&settings, era, agents.len())?;
    let threads = within("--threads", settings.threads.unwrap_or(1), 1, THREADS_MAX)?;
    ensure!(
        threads <= connections,
        "--threads {threads} are more than the {connections} connections: some would have none"
    );
    let asserted = settings.asserted.into_iter().chain(settings.assert);
    let assert: Vec<Bound> = asserted.flat_map(|Asserted(bounds)| bounds).collect();
    let searched: &[Bound] = if let Pace::Search(search) = &pace { &search.bounds } else { &[] };
    if let Some(bound) = assert.iter().chain(searched).find(|bound| bound.needs_process()) {
        ensure!(
            surroundings.pid.is_some(),
            "`{}` is about a process: say with --pid which one",
            bound.text
        );
    }
    let plan = Plan {
        target: target(url, settings.connect, settings.tls, notes)?,
        era,
        pace,
        connections,
        agents,
        sessions,
        session_calls,
        headers: together(settings.header, settings.headers)?,
        traffic,
        threads,
        warm_up,
        timeout: time("--timeout", settings.timeout, TIMEOUT, TIMEOUT_MAX)?,
        seed: settings.seed.unwrap_or(SEED),
        pid: surroundings.pid,
    };
    Ok((plan, assert))
}

fn within<T: PartialOrd + Display + Copy>(flag: &str, value: T, min: T, max: T) -> Result<T> {
    ensure!(value >= min && value <= max, "{flag} {value} is not from {min} to {max}");
    Ok(value)
}

/// A time that has to pass.
fn time(flag: &str, given: Option<Time>, otherwise: Duration, max: Duration) -> Result<Duration> {
    let time = given.map_or(otherwise, |Time(time)| time);
    ensure!(!time.is_zero(), "{flag} is 0: write how long, as 30s");
    let limit = humantime::format_duration(max);
    ensure!(time <= max, "{flag} is more than the limit of {limit}");
    Ok(time)
}

fn traffic(settings: &Settings, era: Era, notes: &mut Vec<String>) -> Result<Traffic> {
    match (&settings.mix, &settings.replay) {
        (Some(_), Some(_)) => bail!("`mix` and `replay` exclude each other: keep one of them"),
        (_, Some(file)) => {
            let mut recorded = recording::read(file, era, notes)?;
            if let Some(Speed(speed)) = settings.speed {
                let scaled = |at: Duration| Duration::try_from_secs_f64(at.as_secs_f64() / speed);
                for message in &mut recorded {
                    message.at =
                        message.at.map(scaled).transpose().context("--speed is too low")?;
                }
            }
            Ok(Traffic::Replay(recorded))
        }
        (mix, None) => {
            let mix = mix.clone().unwrap_or_else(|| vec![Words::call()]);
            parts(mix, era).map(Traffic::Mix)
        }
    }
}

fn pace(settings: &Settings, traffic: &Traffic, warm_up: Duration) -> Result<Pace> {
    let arrival = settings.arrival.unwrap_or(Arrival::Poisson);
    let given = [
        ("rate", settings.rate.is_some()),
        ("concurrency", settings.concurrency.is_some()),
        ("search", settings.search.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, it)| *it).map(|(word, _)| *word).collect();
    if let [one, other, ..] = given.as_slice() {
        bail!("`{one}` and `{other}` exclude each other: keep one of them");
    }
    let only_for = |mode: &str, flags: &[(&str, bool)]| match flags.iter().find(|(_, it)| *it) {
        Some((flag, _)) => bail!("{flag} means something with {mode} only"),
        None => Ok(()),
    };
    if settings.search.is_none() {
        only_for(
            "--search",
            &[
                ("--search-from", settings.search_from.is_some()),
                ("--search-to", settings.search_to.is_some()),
                ("--precision", settings.precision.is_some()),
            ],
        )?;
    }
    if settings.concurrency.is_some() {
        only_for("--rate or --search", &[("--arrival", settings.arrival.is_some())])?;
    }
    let recorded = match traffic {
        Traffic::Replay(recorded) if given.is_empty() => length_of(recorded),
        _ => None,
    };
    if recorded.is_none() {
        let of = "a --replay that has times and no other pace";
        only_for(of, &[("--speed", settings.speed.is_some())])?;
    }
    let length = |otherwise| time("--duration", settings.duration, otherwise, DURATION_MAX);
    if let Some(Searched(bounds)) = &settings.search {
        let from_per_second = settings.search_from.map_or(SEARCH_FROM, |Rate(rate)| rate);
        let to_per_second = settings.search_to.map(|Rate(rate)| rate);
        if let Some(to) = to_per_second {
            ensure!(
                to > from_per_second,
                "--search-to {to} is not above {from_per_second}, where the search begins"
            );
        }
        let precision = settings.precision.map_or(PRECISION, |Share(share)| share);
        return Ok(Pace::Search(Search {
            bounds: bounds.clone(),
            from_per_second,
            to_per_second,
            duration: length(SEARCH_DURATION)?,
            arrival,
            precision: within("--precision", precision, 0.001, 0.5)?,
        }));
    }
    if let Some(Rates(rates)) = &settings.rate {
        let duration = length(DURATION)?;
        let step = |&(from_per_second, to_per_second): &(f64, f64)| Step {
            from_per_second,
            to_per_second,
            duration,
        };
        return Ok(Pace::Open { steps: rates.iter().map(step).collect(), arrival });
    }
    ensure!(settings.arrival.is_none(), "--arrival means something with --rate or --search only");
    if let Some(whole) = recorded {
        ensure!(
            settings.duration.is_some() || warm_up < whole,
            "--warm-up is as long as the recording, and leaves nothing of it: write less than {}, or \
             a --duration too",
            humantime::format_duration(whole)
        );
        let speed = settings.speed.map_or(1.0, |Speed(speed)| speed);
        return Ok(Pace::Recorded { duration: length(whole.saturating_sub(warm_up))?, speed });
    }
    let concurrency = settings.concurrency.unwrap_or(CONCURRENCY);
    Ok(Pace::Closed {
        concurrency: within("--concurrency", concurrency, 1, CONNECTIONS_MAX)?,
        duration: length(DURATION)?,
    })
}

/// How long it takes to send a recording once that says when its calls were sent.
fn length_of(recorded: &[Recorded]) -> Option<Duration> {
    let last = recorded.last()?.at.filter(|last| !last.is_zero())?;
    // The last call is due then, and sent; the first is not due once more.
    let gaps = u32::try_from(recorded.len()).ok()?.checked_sub(1)?;
    last.checked_add(last.checked_div(gaps)? / 2)
}

fn connections(settings: &Settings, pace: &Pace) -> Result<usize> {
    let Pace::Closed { concurrency, .. } = *pace else {
        let connections = settings.connections.unwrap_or(OPEN_CONNECTIONS);
        return within("--connections", connections, 1, CONNECTIONS_MAX);
    };
    let connections = settings.connections.unwrap_or(concurrency);
    let connections = within("--connections", connections, 1, CONNECTIONS_MAX)?;
    ensure!(
        concurrency <= connections,
        "--concurrency {concurrency} is more than --connections {connections}: each carries one \
         call at a time"
    );
    Ok(connections)
}

fn sessions(settings: &Settings, era: Era, agents: usize) -> Result<(usize, Option<u64>)> {
    let sessions = within("--sessions", settings.sessions.unwrap_or(agents), 1, SESSIONS_MAX)?;
    ensure!(
        sessions >= agents,
        "{sessions} sessions leave {} of the {agents} agents without one: write {agents} or more",
        agents - sessions
    );
    if let Some(calls) = settings.session_calls {
        ensure!(
            era == Era::Legacy,
            "calls a session ({calls}) have no meaning in the modern era, which has no sessions: \
             leave them out or take the legacy era"
        );
        ensure!(calls > 0, "0 calls a session leave none: write one or more");
    }
    Ok((sessions, settings.session_calls))
}
