//! What no call may take: memory beyond what its buffers hold already.

use std::hint::black_box;

use crate::{Case, cases};

/// Until buffers have grown to what the input needs.
const WARM_UP: u64 = 8;
const ITERATIONS: u64 = 16;

/// How many allocations an iteration makes, those of growing included.
fn counted(case: &mut Case) -> u64 {
    assert!(case.iterate(WARM_UP), "{} did not do what it is measured for", case.name);
    let mut well = false;
    let info = allocation_counter::measure(|| well = case.iterate(ITERATIONS));
    assert!(well, "{} did not do what it is measured for", case.name);
    assert_eq!(info.count_total % ITERATIONS, 0, "{} differs from time to time", case.name);
    info.count_total / ITERATIONS
}

#[test]
fn a_part_allocates_what_it_says_and_a_codec_nothing() {
    let wrong = cases(|mut cases| {
        let told =
            cases.iter_mut().map(|case| (case.name.clone(), counted(case), case.allocations));
        let right = |name: &str, counted, says| {
            let may = ["inspect/", "proxy/"].iter().any(|crates| name.starts_with(crates));
            counted == says && (counted == 0 || may)
        };
        told.filter(|(name, counted, says)| !right(name, *counted, *says)).collect::<Vec<_>>()
    });
    let wrong = wrong.expect("the cases");
    assert_eq!(wrong, [], "case, allocations an iteration, and how many it says");
}

/// Without this a counter that counts nothing would pass.
#[test]
fn an_allocation_is_counted() {
    let mut case = Case::new("a box", 0, || *black_box(Box::new(true)));
    assert_eq!(counted(&mut case), 1);
}
