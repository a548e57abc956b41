//! The report, from all that was found.

use std::time::SystemTime;

use anyhow::Result;

use super::conduct::Conducted;
use super::figures;
use super::observe::{Strain, bottlenecks, shared_cores};
use super::stint::Setting;
use super::summary;
use crate::plan::{Pace, Plan};
use crate::report::model::{
    Harness, Measured, OperationReport, Report, SCHEMA_VERSION, ServerRequests,
};
use crate::report::units::{counted, real};

/// The operation of the report that is what opens sessions, beside the calls of the plan.
const UPKEEP: &str = "initialize (sessions)";
/// From this part of the calls on, it is worth a word that they waited for a connection.
const WAITED_PART: f64 = 0.01;

pub(super) fn report(
    setting: &Setting<'_>,
    started: SystemTime,
    conducted: Conducted,
) -> Result<Report> {
    let seconds = conducted.measured_seconds;
    let total = figures::measured(&conducted.collector.total(), seconds)?;
    let names = setting.requests.operations.iter().map(String::as_str).chain([UPKEEP]);
    let mut operations = names
        .zip(&conducted.collector.operations)
        .map(|(name, cell)| {
            let measured = figures::measured(cell, seconds)?;
            Ok(OperationReport { name: name.to_owned(), measured })
        })
        .collect::<Result<Vec<OperationReport>>>()?;
    operations.retain(|one| one.measured.calls > 0);
    operations.sort_by_key(|one| std::cmp::Reverse(one.measured.calls));
    let harness = harness(setting, &conducted, &total);
    let rest = &conducted.collector.rest;
    let (pings, refused) = (rest.pings, rest.refused_to_server.total());
    let server_requests = (pings + refused > 0).then_some(ServerRequests { pings, refused });
    let calls = total.succeeded + total.failed;
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: humantime::format_rfc3339_seconds(started).to_string(),
        ended: conducted.ended,
        machine: summary::machine(),
        plan: summary::plan(setting.plan, setting.threads),
        operations,
        steps: conducted.steps,
        search: conducted.search,
        seconds: conducted.collector.seconds,
        errors: conducted.collector.rest.failures.report(),
        process: conducted.watched.map(|watched| watched.report(None, calls)),
        server_requests,
        harness,
        total,
    })
}

fn harness(setting: &Setting<'_>, conducted: &Conducted, total: &Measured) -> Harness {
    let rest = &conducted.collector.rest;
    let late_p99_us = figures::quantile_us(&rest.lateness, 0.99);
    let searched = conducted.search.is_some();
    let (reasons, only_late) = if searched {
        // Steps were looked at one by one; in the sum of all, those that broke would spoil the rest.
        (conducted.spoilt.clone(), conducted.only_late)
    } else {
        let found = bottlenecks(&Strain {
            used: conducted.used,
            lateness: &rest.lateness,
            latency_p99_us: total.latency.p99_us,
        });
        (found.texts(), found.is_only_late())
    };
    let bottleneck = !reasons.is_empty();
    let mut warnings = conducted.warnings.clone();
    warnings.extend(of_plan(setting.plan, setting.threads));
    warnings.extend(shared_cores(setting.plan.pid));
    if let Some(first) = rest.refused.first() {
        let times = counted(rest.refused.total(), "time");
        warnings.push(format!(
            "connections could not be made, {times}: {first}; calls that had another one did not fail"
        ));
    }
    if let Some(first) = rest.warm_up_failures.first() {
        let failed = counted(rest.warm_up_failures.total(), "call");
        warnings.push(format!("{failed} failed before the measuring began, first of all {first}"));
    }
    if let Some(first) = rest.refused_to_server.first() {
        let refused = counted(rest.refused_to_server.total(), "request");
        warnings.push(format!(
            "{refused} of the server's own, most of them {first}, were answered with an error: agents \
             that can answer would have kept it busy for longer"
        ));
    }
    let many = |waited: u64| waited > 0 && real(waited) > WAITED_PART * real(total.calls);
    if many(rest.waited_for_connection) {
        warnings.push(format!(
            "{} of {} calls found every connection busy and waited for one; that is in their latency: \
             the target is slower than the rate, or --connections are too few",
            rest.waited_for_connection, total.calls
        ));
    }
    if many(rest.waited_for_session) {
        warnings.push(format!(
            "{} of {} calls found no session open and waited for one; that is in their latency: the \
             target opens sessions more slowly than they are needed, or --sessions are too few",
            rest.waited_for_session, total.calls
        ));
    }
    let left = &conducted.left.0;
    if let Some(first) = left.first() {
        let sessions = counted(left.total(), "session");
        warnings.push(format!("{sessions} may still be open on the server after the run: {first}"));
    }
    Harness {
        busiest_thread: conducted.used.busy,
        starved: conducted.used.starved,
        sent_late: rest.sent_late,
        late_p99_us,
        waited_for_connection: rest.waited_for_connection,
        waited_for_session: rest.waited_for_session,
        sessions_left: left.total(),
        bottleneck,
        only_late,
        reasons,
        warnings,
    }
}

/// Where the plan cannot be carried out to the letter.
fn of_plan(plan: &Plan, threads: usize) -> Vec<String> {
    let mut found = Vec::new();
    if threads < plan.threads {
        found.push(format!(
            "{threads} of {} threads carry calls: each needs a connection, and in the legacy era a \
             session, of its own",
            plan.threads
        ));
    }
    if let Pace::Closed { concurrency, .. } = &plan.pace
        && *concurrency > plan.connections
    {
        found.push(format!(
            "a connection carries one call at a time, so {} were in flight at most, not {concurrency}",
            plan.connections
        ));
    }
    found
}
