//! One target, many inputs, all cores.

use std::env::temp_dir;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::mutate;
use crate::targets::Target;

/// An input that takes longer has found something too.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// In a worker's cell: it is between inputs, or done.
const IDLE: u64 = u64::MAX;

/// Runs the target; prints `ok …` or `not ok …`; true where every input held.
pub(crate) fn run(target: &Target, arguments: &Arguments) -> bool {
    let Arguments { runs, seed, only, threads, .. } = *arguments;
    let runs = runs.div_ceil(target.costs);
    if let Some(number) = only {
        let mut input = Vec::new();
        mutate::input(target, seed, number, &mut input);
        println!("{}: {} bytes: {}", target.name, input.len(), input.escape_ascii());
        return held(target, &input) || crashed(target, seed, number);
    }
    // What is prepared by the first input, before anybody looks at the time.
    if !held(target, b"") {
        println!("not ok {}: no bytes at all broke a promise", target.name);
        return false;
    }
    let started = Instant::now();
    let stop = AtomicBool::new(false);
    let crash = AtomicU64::new(IDLE);
    let cells: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(IDLE)).collect();
    let executed = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .zip(&cells)
            .map(|(first, cell)| {
                let (stop, crash, executed) = (&stop, &crash, &executed);
                let stride = usize::try_from(threads).unwrap_or(1);
                scope.spawn(move || {
                    let mut input = Vec::new();
                    for number in (first..runs).step_by(stride) {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        cell.store(number, Ordering::Relaxed);
                        mutate::input(target, seed, number, &mut input);
                        if !held(target, &input) {
                            crash.fetch_min(number, Ordering::Relaxed);
                            stop.store(true, Ordering::Relaxed);
                        }
                        executed.fetch_add(1, Ordering::Relaxed);
                    }
                    cell.store(IDLE, Ordering::Relaxed);
                })
            })
            .collect();
        watch(target, seed, &cells, || workers.iter().all(thread::ScopedJoinHandle::is_finished));
    });
    let crash = crash.into_inner();
    if crash != IDLE {
        return crashed(target, seed, crash);
    }
    let executed = executed.into_inner();
    let per_second = u128::from(executed) * 1000 / started.elapsed().as_millis().max(1);
    println!("ok {:<9} {executed} inputs, {per_second}/s, seed {seed}", target.name);
    true
}

fn held(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
}

/// Saves the input and says how to have it again.
fn crashed(target: &Target, seed: u64, number: u64) -> bool {
    let name = target.name;
    let saved = match save(target, seed, number) {
        Ok(path) => path.display().to_string(),
        Err(error) => format!("nowhere ({error})"),
    };
    println!("not ok {name}: input {number} broke a promise; saved to {saved}");
    println!("  again: penstock-fuzz {name} --seed {seed} --only {number}");
    false
}

fn save(target: &Target, seed: u64, number: u64) -> std::io::Result<PathBuf> {
    let mut input = Vec::new();
    mutate::input(target, seed, number, &mut input);
    let dir = temp_dir().join("penstock-fuzz");
    fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{}-{seed}-{number}", target.name));
    fs::write(&path, input)?;
    Ok(path)
}

/// Waits for the workers. One that does not come back from an input cannot be ended alone, so the
/// process ends.
fn watch(target: &Target, seed: u64, cells: &[AtomicU64], done: impl Fn() -> bool) {
    let mut looks: Vec<(u64, Instant)> = cells.iter().map(|_| (IDLE, Instant::now())).collect();
    while !done() {
        thread::sleep(LOOK);
        for (cell, (last, since)) in cells.iter().zip(&mut looks) {
            let now = cell.load(Ordering::Relaxed);
            if now != *last || now == IDLE {
                (*last, *since) = (now, Instant::now());
            } else if since.elapsed() > INPUT_TIME_MAX {
                println!("{}: an input took longer than {INPUT_TIME_MAX:?}", target.name);
                crashed(target, seed, now);
                exit(1);
            }
        }
    }
}
