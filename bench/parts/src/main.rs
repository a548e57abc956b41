//! `penstock-bench-parts`: what `cargo xtask bench instructions` runs under valgrind.
//!
//! Without an argument it names the cases and the processor that it finds; with a case's name it runs
//! that. Only [`measured`] is counted, by its name: starting up and warming up are left out.

#![forbid(unsafe_code)]

use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use penstock_bench_parts::{Case, cases};

/// Enough for buffers to have grown and for the allocator to have found what it gives again.
const WARM_UP: u64 = 8;
/// Each iteration takes the same; more of them spread the loop's own few instructions.
const ITERATIONS: u64 = 32;

fn main() -> Result<()> {
    let name = std::env::args().nth(1);
    cases(|cases| match name {
        None => {
            list(&cases);
            Ok(())
        }
        Some(name) => {
            let case = cases.into_iter().find(|case| case.name == name);
            run(case.with_context(|| format!("there is no case `{name}`"))?)
        }
    })?
}

fn run(mut case: Case) -> Result<()> {
    let well = case.iterate(WARM_UP) && measured(&mut case);
    ensure!(well, "`{}` did not do what it is measured for", case.name);
    Ok(())
}

#[inline(never)]
fn measured(case: &mut Case) -> bool {
    black_box(case.iterate(ITERATIONS))
}

fn list(cases: &[Case]) {
    println!("cpu {}", processor());
    println!("iterations {ITERATIONS}");
    for case in cases {
        println!("case {}", case.name);
    }
}

/// The architecture, and the instruction sets that code chosen at run time looks for.
fn processor() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    words.extend(
        [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("popcnt", is_x86_feature_detected!("popcnt")),
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("bmi2", is_x86_feature_detected!("bmi2")),
            ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ]
        .iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| *name),
    );
    words.join(" ")
}
