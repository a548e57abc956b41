//! What it takes until the first message can be looked into, and what is then kept: in a process of its own, as
//! whatever was done before in this one is done.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};
use penstock_inspect::{EngineKind, Form, Inspector, Limits, RuleSet, Scratch};
use serde::{Deserialize, Serialize};

use crate::clock::{Start, median};
use crate::message::Messages;
use crate::stock::Stock;

/// How often a process is started; the median is told.
const STARTS: usize = 7;
/// The first time that a message is looked into is held against this one.
const AGAIN: usize = 100;
/// Bytes of the messages, their number, and how many of a thousand pieces hold something.
const MESSAGES: ((usize, usize), usize) = ((4 << 10, 512), 100);

/// What is asked for of a process that is started for this.
pub(crate) const COMMAND: &str = "start-up";

/// All that is measured of one start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StartUp {
    /// The built-in rules read.
    pub(crate) rules_ms: f64,
    /// All prepared, with a thread's memory.
    pub(crate) prepared_ms: f64,
    /// One message, before any other was looked into,
    pub(crate) first_us: f64,
    /// and the same when it was looked into often.
    pub(crate) hundredth_us: f64,
    /// Resident memory in KiB that came with preparing,
    pub(crate) prepared_resident_kib: f64,
    /// and with looking into all messages, as regexes are prepared when they are first asked.
    pub(crate) used_resident_kib: f64,
    /// Bytes that Rust's allocator gave out for rules and engine,
    pub(crate) prepared_bytes: f64,
    /// and for a thread's memory after all messages.
    pub(crate) scratch_bytes: f64,
    /// What the engine's search for words has of its own, once and for each thread.
    pub(crate) engine_bytes: f64,
    pub(crate) engine_scratch_bytes: f64,
}

/// Medians over the starts.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) engine: &'static str,
    pub(crate) starts: usize,
    #[serde(flatten)]
    pub(crate) median: StartUp,
}

/// Starts processes for each engine, by turns.
pub(crate) fn measure(best: &Inspector, stock: &Stock, seed: u64) -> Result<Vec<Started>> {
    let (size, per_mille) = MESSAGES;
    let messages = Messages::make(stock, best, seed, size, per_mille)?.all;
    // One a line: JSON has its ends of lines escaped, but for records, where they say nothing.
    let messages: Vec<u8> = messages
        .into_iter()
        .map(|message| message.into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }))
        .flat_map(|message| message.chain([b'\n']))
        .collect();
    let mut engines = vec![best.engine(), EngineKind::Portable];
    engines.dedup();
    let mut found: Vec<Vec<StartUp>> = vec![Vec::new(); engines.len()];
    for start in 1..=STARTS {
        eprintln!("inspect: start {start} of {STARTS}");
        for (engine, found) in engines.iter().zip(&mut found) {
            found.push(started(*engine, &messages)?);
        }
    }
    let all = engines.into_iter().zip(&found);
    Ok(all.map(|(engine, found)| Started::median(engine, found)).collect())
}

fn started(engine: EngineKind, messages: &[u8]) -> Result<StartUp> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args([COMMAND, engine.name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start this program again")?;
    // It reads all before it says anything.
    child.stdin.take().context("it has no input")?.write_all(messages)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("what it said is not what is expected")
}

/// What the process does: messages come, a line each, and what was measured is said.
pub(crate) fn start(engine: &str) -> Result<()> {
    let engine =
        [EngineKind::BEST, EngineKind::Portable].into_iter().find(|one| one.name() == engine);
    let engine = engine.context("there is no such engine in this build")?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let messages: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    println!("{}", serde_json::to_string(&StartUp::measure(engine, &messages)?)?);
    Ok(())
}

impl StartUp {
    fn measure(engine: EngineKind, messages: &[&[u8]]) -> Result<Self> {
        let first = messages.first().context("there are no messages")?;
        let before = resident_kib()?;
        let (inspector, mut scratch, rules_ms, prepared_ms) = prepared(engine)?;
        let prepared = resident_kib()?;
        let scan = |message: &[u8], scratch: &mut Scratch| -> Result<f64> {
            let start = Start::now();
            inspector.scan(message, Form::Json, scratch)?;
            Ok(start.took().cpu * 1e6)
        };
        let first_us = scan(first, &mut scratch)?;
        let mut hundredth_us = f64::NAN;
        for _ in 1..AGAIN {
            hundredth_us = scan(first, &mut scratch)?;
        }
        for message in messages {
            scan(message, &mut scratch)?;
        }
        let used = resident_kib()?;
        let engine_bytes = inspector.engine_bytes(&scratch)?;
        // With all regexes prepared, what is given out is the thread's own.
        let mut kept = None;
        let scratch_bytes = allocation_counter::measure(|| {
            kept =
                Some(inspector.scratch().map_err(anyhow::Error::from).and_then(|mut scratch| {
                    messages
                        .iter()
                        .try_for_each(|message| scan(message, &mut scratch).map(drop))?;
                    Ok(scratch)
                }));
        });
        kept.transpose()?.context("nothing was looked into")?;
        // By itself, lest counting be part of the time above.
        let mut again = None;
        let prepared_bytes = allocation_counter::measure(|| again = Some(self::prepared(engine)));
        again.transpose()?.context("nothing was prepared")?;
        let bytes = |number: i64| number.to_string().parse::<f64>().unwrap_or(f64::NAN);
        Ok(Self {
            rules_ms,
            prepared_ms,
            first_us,
            hundredth_us,
            prepared_resident_kib: prepared - before,
            used_resident_kib: used - prepared,
            prepared_bytes: bytes(prepared_bytes.bytes_current),
            scratch_bytes: bytes(scratch_bytes.bytes_current),
            engine_bytes: crate::clock::precise(engine_bytes.prepared),
            engine_scratch_bytes: crate::clock::precise(engine_bytes.scratch),
        })
    }
}

/// Rules and engine, and the milliseconds that each took.
fn prepared(engine: EngineKind) -> Result<(Inspector, Scratch, f64, f64)> {
    let start = Start::now();
    let rules = RuleSet::built_in()?;
    let rules_ms = start.took().cpu * 1e3;
    let start = Start::now();
    let inspector = Inspector::new(rules, engine, Limits::default());
    let inspector = inspector.map_err(|error| anyhow!(error))?;
    let scratch = inspector.scratch()?;
    Ok((inspector, scratch, rules_ms, start.took().cpu * 1e3))
}

fn resident_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.context("/proc/self/status has no VmRSS")?.parse().context("VmRSS is no number")
}

impl Started {
    fn median(engine: EngineKind, starts: &[StartUp]) -> Self {
        let of = |value: fn(&StartUp) -> f64| median(starts.iter().map(value));
        let median = StartUp {
            rules_ms: of(|one| one.rules_ms),
            prepared_ms: of(|one| one.prepared_ms),
            first_us: of(|one| one.first_us),
            hundredth_us: of(|one| one.hundredth_us),
            prepared_resident_kib: of(|one| one.prepared_resident_kib),
            used_resident_kib: of(|one| one.used_resident_kib),
            prepared_bytes: of(|one| one.prepared_bytes),
            scratch_bytes: of(|one| one.scratch_bytes),
            engine_bytes: of(|one| one.engine_bytes),
            engine_scratch_bytes: of(|one| one.engine_scratch_bytes),
        };
        Self { engine: engine.name(), starts: starts.len(), median }
    }
}
