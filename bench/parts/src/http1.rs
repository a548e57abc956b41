//! Heads in and out, and chunked bodies.

use std::hint::black_box;

use penstock_http1::{
    ChunkLimits, Chunked, Framing, HeadLimits, RequestHead, RequestOut, ResponseHead, ResponseOut,
    Verb, Version, write_request, write_response,
};

use crate::Case;
use crate::inputs::{self, aligned};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        request_head(),
        write_request_head(),
        response_head("http1/response_head", inputs::ANSWER),
        response_head("http1/response_head_of_stream", inputs::STREAM),
        write_response_head("http1/write_response", inputs::ANSWER, Framing::Length(4096)),
        write_response_head("http1/write_response_of_stream", inputs::STREAM, Framing::Chunked),
        chunked("http1/chunked_4k", 4 << 10, 4 << 10),
        chunked("http1/chunked_64k_by_8k", 64 << 10, 8 << 10),
        chunked("http1/chunked_64k_by_256", 64 << 10, 256),
    ]
}

fn request_head() -> Case {
    let input = aligned(inputs::REQUEST);
    let (mut head, limits) = (RequestHead::new(), HeadLimits::default());
    Case::new("http1/request_head", input.len(), move || {
        head.reset();
        head.parse(black_box(input), &limits) == Ok(Some(input.len()))
    })
}

fn write_request_head() -> Case {
    let input = aligned(inputs::REQUEST);
    let mut head = RequestHead::new();
    let whole = head.parse(input, &HeadLimits::default()) == Ok(Some(input.len()));
    let mut out = Vec::new();
    Case::new("http1/write_request", input.len(), move || {
        let to = RequestOut {
            target: b"/mcp",
            host: b"127.0.0.1:3000",
            framing: Framing::Length(425),
            drop: &["penstock-agent", "forwarded", "x-forwarded-for"],
            extra: &[("Via", b"1.1 penstock")],
            keep_alive: true,
        };
        out.clear();
        write_request(&mut out, black_box(input), &head, &to);
        whole && out.ends_with(b"\r\n\r\n")
    })
}

fn response_head(name: &str, input: &str) -> Case {
    let input = aligned(input);
    let (mut head, limits) = (ResponseHead::new(), HeadLimits::default());
    Case::new(name, input.len(), move || {
        head.reset();
        head.parse(black_box(input), &limits, Verb::Post) == Ok(Some(input.len()))
    })
}

fn write_response_head(name: &str, input: &str, framing: Framing) -> Case {
    let input = aligned(input);
    let mut head = ResponseHead::new();
    let whole = head.parse(input, &HeadLimits::default(), Verb::Post) == Ok(Some(input.len()));
    let mut out = Vec::new();
    Case::new(name, input.len(), move || {
        let to = ResponseOut {
            framing,
            drop: &[],
            extra: &[],
            keep_alive: true,
            peer: Version::Http11,
            content_length: None,
        };
        out.clear();
        write_response(&mut out, black_box(input), &head, &to);
        whole && out.ends_with(b"\r\n\r\n")
    })
}

fn chunked(name: &str, size: usize, chunk: usize) -> Case {
    let input = aligned(inputs::chunked(size, chunk));
    Case::new(name, input.len(), move || {
        let mut kept = 0;
        let mut chunked = Chunked::new(ChunkLimits::default());
        let fed = chunked.feed(black_box(input), |piece| kept += piece.span.len());
        kept > size && fed.is_ok_and(|fed| fed.ended)
    })
}
