//! What it costs to find a call's envelope, in bytes a second, beside two ways of getting at it
//! with a general parser: `serde_json` walking over the document without keeping anything, and
//! simd-json's tape, whose copy of the body is part of its price because it parses in place.
//!
//! `serde_json`'s walk checks less than ours: not surrogates, number ranges or, in what it
//! skips, UTF-8.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penstock_mcp::{Message, ScanLimits};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

const SIZES: [(&str, usize); 4] =
    [("200B", 200), ("4KiB", 4 << 10), ("64KiB", 64 << 10), ("1MiB", 1 << 20)];

/// What arguments look like: one kind of content, repeated until the body has its size.
const CONTENTS: [(&str, &str); 5] = [
    // A file to write, without what needs an escape.
    ("text", "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. "),
    // Source code: a line feed or a quote every few words.
    (
        "code",
        "    if name == \\\"main\\\" {\\n        return Err(Error::new(\\\"no\\\"));\\n    }\\n",
    ),
    // Text outside ASCII.
    ("unicode", "Грузите апельсины бочками, 世界中の人々へ、 Zażółć gęślą jaźń. "),
    // Structure: short keys, numbers, nesting.
    (
        "records",
        r#"{"id":48151623,"name":"Ada","tags":["a","bc"],"ratio":0.25,"ok":true,"at":{"x":-1,"y":2e3}},"#,
    ),
    // The same as people print it.
    (
        "indented",
        "{\n      \"id\": 48151623,\n      \"name\": \"Ada\",\n      \"tags\": [\n        \"a\"\n      ]\n    },",
    ),
];

/// A modern tools/call of about `size` bytes.
fn call(content: &str, size: usize) -> Vec<u8> {
    let head = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"arguments":{"#;
    let structured = content.starts_with('{');
    let mut body = head.to_owned();
    body += if structured { "\"rows\":[" } else { "\"content\":\"" };
    while body.len() + content.len() < size {
        body += content;
    }
    if structured && body.ends_with(',') {
        body.pop();
    }
    body += if structured { "]}}}" } else { "\"}}}" };
    body.into_bytes()
}

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
