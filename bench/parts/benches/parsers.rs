//! What it costs to find a call's envelope, in bytes a second, beside two ways of getting at it
//! with a general parser: `serde_json` walking over the document without keeping anything, and
//! simd-json's tape, whose copy of the body is part of its price because it parses in place.
//!
//! `serde_json`'s walk checks less than ours: not surrogates, number ranges or, in what it
//! skips, UTF-8.
//!
//! `cargo bench --package penstock-bench-parts --bench parsers`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penstock_bench_parts::inputs::{CONTENTS, call};
use penstock_mcp::{Message, ScanLimits};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

const SIZES: [(&str, usize); 4] =
    [("200B", 200), ("4KiB", 4 << 10), ("64KiB", 64 << 10), ("1MiB", 1 << 20)];

/// The least of an envelope that `serde_json` can give with spans.
#[derive(Deserialize)]
struct Borrowed<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: &'a RawValue,
}

fn envelope(criterion: &mut Criterion) {
    for (content_name, content) in CONTENTS {
        let mut group = criterion.benchmark_group(content_name);
        for (size_name, size) in SIZES {
            let body = call(content, size);
            group.throughput(Throughput::Bytes(body.len() as u64));

            let mut message = Message::new();
            let limits = ScanLimits::default();
            group.bench_function(BenchmarkId::new("penstock", size_name), |bench| {
                bench.iter(|| {
                    message.scan(black_box(&body), &limits).expect("the body is a call");
                    black_box(message.envelopes().len())
                });
            });
            group.bench_function(BenchmarkId::new("serde_json IgnoredAny", size_name), |bench| {
                bench.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).is_ok());
            });
            group.bench_function(BenchmarkId::new("serde_json RawValue", size_name), |bench| {
                bench.iter(|| {
                    let call: Borrowed<'_> =
                        serde_json::from_slice(black_box(&body)).expect("the body is a call");
                    black_box((call.id.get().len(), call.method.len(), call.params.get().len()))
                });
            });
            let mut copy = Vec::with_capacity(body.len());
            let mut buffers = simd_json::Buffers::new(body.len());
            group.bench_function(BenchmarkId::new("simd-json tape", size_name), |bench| {
                bench.iter(|| {
                    copy.clear();
                    copy.extend_from_slice(black_box(&body));
                    let tape = simd_json::to_tape_with_buffers(&mut copy, &mut buffers);
                    black_box(tape.expect("the body is JSON").0.len())
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, envelope);
criterion_main!(benches);
