//! Every part, its time and its allocations: `cargo xtask bench parts [FILTER]`.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use penstock_bench_parts::{Case, cases};
use std::time::Instant;

/// Until buffers have grown to what the input needs.
const WARM_UP: u64 = 8;
const COUNTED: u64 = 16;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    cases(|cases| {
        for case in cases {
            // Criterion knows a bench by its group and its name in it.
            let (group, name) = case.name.split_once('/').unwrap_or(("", &case.name));
            let (group, name) = (group.to_owned(), name.to_owned());
            bench(&mut criterion.benchmark_group(group), &name, case);
        }
    })?;
    criterion.final_summary();
    Ok(())
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut case: Case) {
    if case.bytes > 0 {
        group.throughput(Throughput::Bytes(case.bytes as u64));
    }
    let mut allocated = None;
    group.bench_function(name, |bencher| {
        // Here, because the filter may have left it out.
        allocated.get_or_insert_with(|| allocations(&mut case));
        bencher.iter_custom(|times| {
            let started = Instant::now();
            let well = case.iterate(times);
            let took = started.elapsed();
            assert!(well, "{} did not do what it is measured for", case.name);
            took
        });
    });
    if let Some((count, bytes)) = allocated {
        println!("{:24}allocs: {count} an iteration, {bytes} bytes", "");
    }
}

/// Allocations an iteration, and their bytes.
fn allocations(case: &mut Case) -> (u64, u64) {
    let mut well = case.iterate(WARM_UP);
    let info = allocation_counter::measure(|| well &= case.iterate(COUNTED));
    assert!(well, "{} did not do what it is measured for", case.name);
    (info.count_total / COUNTED, info.bytes_total / COUNTED)
}
