//! Event streams.

use std::hint::black_box;

use penstock_http1::{EventScanner, parse_event};

use crate::Case;
use crate::inputs::{aligned, events};

const STREAM_BYTES: usize = 64 << 10;
const EVENT_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        scan("sse/scan_64k_by_256", 256),
        scan("sse/scan_64k_by_4k", 4 << 10),
        parse("sse/parse_64k_by_256", 256),
        parse("sse/parse_64k_by_4k", 4 << 10),
    ]
}

/// Where events end, as a shard that passes them on sees it.
fn scan(name: &str, event: usize) -> Case {
    let input = aligned(events(STREAM_BYTES, event));
    Case::new(name, input.len(), move || {
        let mut ends = 0;
        let mut scanner = EventScanner::new(EVENT_BYTES_MAX);
        let fed = scanner.feed(black_box(input), |_| ends += 1);
        fed.is_ok() && ends == STREAM_BYTES / event
    })
}

/// The message in each event, as who reads them needs it.
fn parse(name: &str, event: usize) -> Case {
    let input = aligned(events(STREAM_BYTES, event));
    Case::new(name, input.len(), move || {
        let (mut from, mut lines) = (0, 0);
        let mut scanner = EventScanner::new(EVENT_BYTES_MAX);
        let fed = scanner.feed(black_box(input), |end| {
            lines += parse_event(input.get(from..end).unwrap_or_default()).data.len();
            from = end;
        });
        fed.is_ok() && lines == STREAM_BYTES / event
    })
}
