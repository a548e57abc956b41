//! The envelope, and whether the headers agree with it.

use std::hint::black_box;

use penstock_http1::{HeadLimits, RequestHead};
use penstock_mcp::{Message, ScanLimits, admit, plain_form};

use crate::Case;
use crate::inputs::{self, aligned};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![form(), agreement(), scan("mcp/scan_425", inputs::CALL.as_bytes())];
    for (content, text) in inputs::CONTENTS {
        for (size, bytes) in [("4k", 4 << 10), ("64k", 64 << 10)] {
            cases.push(scan(&format!("mcp/scan_{content}_{size}"), &inputs::call(text, bytes)));
        }
    }
    cases
}

fn scan(name: &str, body: &[u8]) -> Case {
    let body = aligned(body);
    let (mut message, limits) = (Message::new(), ScanLimits::default());
    Case::new(name, body.len(), move || {
        message.scan(black_box(body), &limits).is_ok() && message.single().is_some()
    })
}

/// Whether the headers let the body be read as it is.
fn form() -> Case {
    let (head, input) = request();
    Case::new("mcp/plain_form", input.len(), move || {
        plain_form(fields(&head, black_box(input))).is_ok()
    })
}

/// The era, and the agreement of the headers with a body that was scanned.
fn agreement() -> Case {
    let (head, input) = request();
    let body = aligned(inputs::CALL);
    let mut message = Message::new();
    let _ = message.scan(body, &ScanLimits::default());
    Case::new("mcp/admit", input.len(), move || {
        admit(body, &message, fields(&head, black_box(input))).is_ok()
    })
}

fn request() -> (RequestHead, &'static [u8]) {
    let input = aligned(inputs::REQUEST);
    let mut head = RequestHead::new();
    let _ = head.parse(input, &HeadLimits::default());
    (head, input)
}

fn fields<'a>(
    head: &'a RequestHead,
    buffer: &'a [u8],
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    head.fields.iter().map(|field| (field.name.of(buffer), field.value.of(buffer)))
}
