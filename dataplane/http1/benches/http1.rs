//! What the codecs cost a call: `cargo bench -p penstock-http1`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use penstock_http1::{
    ChunkLimits, Chunked, EventScanner, Framing, HeadLimits, RequestHead, RequestOut, ResponseHead,
    ResponseOut, Verb, Version, write_request, write_response,
};

const BODY_BYTES: usize = 64 * 1024;

const REQUEST: &[u8] = b"POST /mcp/github HTTP/1.1\r\n\
    host: 127.0.0.1:8080\r\n\
    connection: keep-alive\r\n\
    accept: application/json, text/event-stream\r\n\
    content-type: application/json\r\n\
    mcp-protocol-version: 2026-07-28\r\n\
    mcp-method: tools/call\r\n\
    mcp-name: search_repositories\r\n\
    authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRw\
    czovL2lkcC5leGFtcGxlIiwic3ViIjoiYWdlbnQtNyIsImF1ZCI6Imh0dHBzOi8vZ3cifQ.c2lnbmF0dXJlLXNpZ25h\r\n\
    accept-language: *\r\n\
    sec-fetch-mode: cors\r\n\
    user-agent: node\r\n\
    accept-encoding: gzip, deflate\r\n\
    content-length: 182\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream\r\n\
    cache-control: no-cache, no-transform\r\n\
    x-accel-buffering: no\r\n\
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    Keep-Alive: timeout=5\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

fn heads(criterion: &mut Criterion) {
    let limits = HeadLimits::default();
    let mut group = criterion.benchmark_group("head");

    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    let mut head = RequestHead::new();
    group.bench_function("parse_request", |bencher| {
        bencher.iter(|| {
            head.reset();
            head.parse(black_box(REQUEST), &limits)
        });
    });
    let to = RequestOut {
        target: b"/mcp",
        host: b"127.0.0.1:3000",
        framing: Framing::Length(182),
        drop: &["authorization", "origin"],
        extra: &[("Authorization", b"Bearer upstream-credential")],
        keep_alive: true,
    };
    let mut out = Vec::with_capacity(4096);
    group.bench_function("write_request", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_request(&mut out, black_box(REQUEST), &head, &to);
            out.len()
        });
    });

    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    let mut head = ResponseHead::new();
    group.bench_function("parse_response", |bencher| {
        bencher.iter(|| {
            head.reset();
            head.parse(black_box(RESPONSE), &limits, Verb::Post)
        });
    });
    let to = ResponseOut {
        framing: Framing::Chunked,
        drop: &[],
        extra: &[],
        keep_alive: true,
        peer: Version::Http11,
        content_length: None,
    };
    group.bench_function("write_response", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_response(&mut out, black_box(RESPONSE), &head, &to);
            out.len()
        });
    });
}

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body");
    for (name, chunk) in [("chunked_64k_by_8k", 8192), ("chunked_64k_by_256", 256)] {
        let mut body = Vec::new();
        for data in vec![b'x'; BODY_BYTES].chunks(chunk) {
            body.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut kept = 0;
                let mut chunked = Chunked::new(ChunkLimits::default());
                let fed = chunked.feed(black_box(&body), |piece| kept += piece.span.len());
                (fed, kept)
            });
        });
    }
    for (name, event) in [("sse_64k_by_4k", 4096), ("sse_64k_by_256", 256)] {
        let payload = "x".repeat(event - "event: message\ndata: \n\n".len());
        let stream = format!("event: message\ndata: {payload}\n\n").repeat(BODY_BYTES / event);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut events = 0;
                let mut scanner = EventScanner::new(1 << 20);
                let result = scanner.feed(black_box(stream.as_bytes()), |_| events += 1);
                (result, events)
            });
        });
    }
}

criterion_group!(benches, heads, bodies);
criterion_main!(benches);
