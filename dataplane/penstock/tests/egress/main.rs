//! What an agent is held to, tried on a real kernel: every way past, and what becomes of it.
//!
//! It takes root, and makes a world of its own: network namespaces with a wire between them, mounts,
//! cgroups. A row first shows that something works where nothing is enforced, then that it does not.
//! `cargo xtask test egress` runs it; words after `--` choose rows by their names.

mod audit;
mod callers;
mod escapes;
mod layers;
mod lifecycle;
mod limits;
mod matrix;
mod older;
mod packets;
mod peer;
mod places;
mod probe;
mod suite;
mod sys;
mod world;

use std::env;
use std::io;
use std::process::ExitCode;

use suite::Suite;
use world::World;

fn main() -> ExitCode {
    // A probe is this program again.
    if env::var_os(probe::CGROUP).is_some() {
        return probe::main();
    }
    let world = match World::new() {
        Ok(world) => world,
        Err(error) => return suite::impossible(&error),
    };
    let mut suite = Suite::new();
    if let Err(error) = parts(&mut suite, &world) {
        suite.row("world", || Err(error.into()));
    }
    drop(world);
    suite.end()
}

fn parts(suite: &mut Suite, world: &World) -> io::Result<()> {
    matrix::run(suite, world)?;
    older::run(suite, world)?;
    layers::run(suite, world)?;
    packets::run(suite, world)?;
    audit::run(suite, world)?;
    lifecycle::run(suite, world)?;
    callers::run(suite, world)?;
    limits::run(suite, world)?;
    escapes::run(suite, world)
}
