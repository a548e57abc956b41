//! Thousands of open event streams through one shard, and the memory that they take.

mod client;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::load::precise;
use crate::peers::penstock;
use crate::report::Table;
use crate::rig::{Setting, mock};
use crate::server::{Memory, Server};
use client::Client;
pub(crate) use client::Kind;

/// Each stream's events come this far apart; opening them all has to take less.
const EVENT_EVERY: Duration = Duration::from_secs(10);
/// Nothing here takes longer, or it has failed.
const PATIENCE: Duration = Duration::from_mins(2);
/// Until what is under way has come to rest.
const SETTLE: Duration = Duration::from_millis(500);

/// Streams of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Streams {
    kind: Kind,
    count: usize,
    seconds_to_open: f64,
    /// Of the process that has just started.
    idle: Memory,
    /// With all streams open.
    open: Memory,
    /// After at least one event came through each of them.
    after_events: Memory,
    /// With all streams closed again.
    closed: Memory,
    /// From idle to after the events.
    resident_bytes_per_stream: f64,
    /// Events that came end to end after all streams were open.
    events: usize,
    descriptors_left: usize,
}

pub(crate) fn measure(setting: &Setting) -> Result<Vec<Streams>> {
    [Kind::Get, Kind::Listen].map(|kind| one_kind(setting, kind)).into_iter().collect()
}

fn one_kind(setting: &Setting, kind: Kind) -> Result<Streams> {
    eprintln!("streams: {} × {}", setting.streams, kind.name());
    let every = format!("{}s", EVENT_EVERY.as_secs());
    let (_mock, upstream) = mock(setting, &["--event-every", &every], "mock-streams")?;
    let limit = setting.streams + 100;
    let limits = format!("limits: {{ connections: {limit}, calls: {limit} }}");
    let [core, _] = setting.cores.proxy();
    let (server, address) =
        penstock::start(setting, "streams", &[core], &[(128, upstream)], &limits)?;
    std::thread::sleep(SETTLE * 2);
    let (idle, descriptors) = (server.memory()?, server.descriptors()?);

    let began = Instant::now();
    let mut client = Client::new(address, "/mcp/b128", kind)?;
    client.open(setting.streams, PATIENCE)?;
    let seconds_to_open = began.elapsed().as_secs_f64();
    client.listen_for(SETTLE)?;
    let open = server.memory()?;
    let events = client.until_each_has_an_event(PATIENCE)?;
    client.listen_for(SETTLE)?;
    let after_events = server.memory()?;

    drop(client);
    let left = descriptors_left(&server, descriptors)?;
    let closed = server.memory()?;
    let grown = after_events.resident_kib.saturating_sub(idle.resident_kib) * 1024;
    Ok(Streams {
        kind,
        count: setting.streams,
        seconds_to_open,
        idle,
        open,
        after_events,
        closed,
        resident_bytes_per_stream: precise(grown) / precise(setting.streams as u64),
        events,
        descriptors_left: left,
    })
}

/// How many descriptors more than before are open once the streams have gone.
fn descriptors_left(server: &Server, before: usize) -> Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = server.descriptors()?.saturating_sub(before);
        if left == 0 {
            return Ok(0);
        }
        ensure!(
            Instant::now() < deadline,
            "{left} descriptors are still open {PATIENCE:?} after the streams were closed"
        );
        std::thread::sleep(SETTLE);
    }
}

pub(crate) fn print(all: &[Streams]) {
    let mut table = Table::new(
        "Open streams through one shard: resident memory of penstock (KiB)",
        &["streams", "kind", "idle", "open", "after events", "bytes a stream", "closed", "events"],
    );
    for one in all {
        table.row(&[
            one.count.to_string(),
            one.kind.name().into(),
            one.idle.resident_kib.to_string(),
            one.open.resident_kib.to_string(),
            one.after_events.resident_kib.to_string(),
            format!("{:.0}", one.resident_bytes_per_stream),
            one.closed.resident_kib.to_string(),
            one.events.to_string(),
        ]);
    }
    table.print();
}
