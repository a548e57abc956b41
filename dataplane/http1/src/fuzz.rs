//! Entry points for a fuzz harness: any bytes in, and a panic where a promise is broken.
//!
//! Each holds the codec against itself at another split and against a naive reader written
//! without regard to speed or strictness.

use crate::{
    ChunkLimits, Chunked, EventScanner, FIELDS_MAX, Framing, HeadError, HeadLimits, RequestHead,
    RequestOut, ResponseHead, ResponseOut, Verb, Version, parse_event, write_request,
    write_response,
};

/// Small enough for a fuzzer to reach every limit.
const TIGHT: HeadLimits = HeadLimits { bytes: 160, fields: 4, target: 24 };
const WIDE: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: FIELDS_MAX, target: 8 * 1024 };
const TIGHT_CHUNKS: ChunkLimits = ChunkLimits {
    extension_bytes: 8,
    extension_bytes_total: 12,
    trailer_bytes: 24,
    trailer_fields: 2,
};
const EVENT_BYTES_MAX: u64 = 64;

/// A request head: the same at every split, spans within it, one reading only, and forwarded
/// without a change of meaning.
///
/// # Panics
/// When one of these does not hold.
pub fn request(data: &[u8]) {
    for limits in [TIGHT, WIDE] {
        let mut whole = RequestHead::new();
        let result = whole.parse(data, &limits);
        let mut split = RequestHead::new();
        assert_eq!(result, grown(data, |buf| split.parse(buf, &limits)), "split changes a verdict");
        let Ok(Some(end)) = result else { continue };
        assert_eq!(whole, split, "split changes a head");
        assert!(end <= data.len().min(limits.bytes));
        let spans = [Some(whole.method), Some(whole.target), Some(whole.path), whole.query];
        let fields = whole.fields.iter().flat_map(|f| [Some(f.name), Some(f.value)]);
        for span in spans.into_iter().chain([whole.authority, whole.host]).chain(fields).flatten() {
            assert!(span.start <= span.end && span.end as usize <= end, "span out of the head");
        }
        one_reading(&data[..end], whole.framing, whole.version, true);
        forwarded_request(data, &whole);
    }
}

/// A response head, to several request methods: as [`request`].
///
/// # Panics
/// When one of these does not hold.
pub fn response(data: &[u8]) {
    for (limits, verb) in [(TIGHT, Verb::Post), (WIDE, Verb::Get), (WIDE, Verb::Head)] {
        let mut whole = ResponseHead::new();
        let result = whole.parse(data, &limits, verb);
        let mut split = ResponseHead::new();
        let regrown = grown(data, |buf| split.parse(buf, &limits, verb));
        assert_eq!(result, regrown, "split changes a verdict");
        let Ok(Some(end)) = result else { continue };
        assert_eq!(whole, split, "split changes a head");
        assert!((100..600).contains(&whole.status) && whole.status != 101);
        assert!(whole.reason.end as usize <= end);
        let bodiless = whole.status < 200 || matches!(whole.status, 204 | 304);
        if bodiless || verb == Verb::Head {
            assert_eq!(whole.framing, Framing::None);
        } else {
            one_reading(&data[..end], whole.framing, whole.version, false);
        }
        forwarded_response(data, &whole, verb);
    }
}

/// A chunked body: the same at every split, plain when forwarded, and then read the same.
///
/// # Panics
/// When one of these does not hold.
pub fn chunked(data: &[u8]) {
    for limits in [TIGHT_CHUNKS, ChunkLimits::default()] {
        let whole = Dechunked::of(data, data.len(), limits);
        assert_eq!(whole, Dechunked::of(data, 1, limits), "split changes a body");
        assert_eq!(whole, Dechunked::of(data, 3, limits), "split changes a body");
        if !whole.ended {
            continue;
        }
        let again = Dechunked::of(&whole.kept, whole.kept.len(), limits);
        assert_eq!(again.kept, whole.kept, "what is forwarded is not in its plain form");
        assert_eq!(again.data, whole.data, "what is forwarded is another body");
        assert_eq!(naive_dechunk(&whole.kept), Some(whole.data), "another reader disagrees");
    }
}

/// An event stream: the same events at every split, and those a naive reader finds.
///
/// # Panics
/// When one of these does not hold.
pub fn sse(data: &[u8]) {
    let limited = event_ends(data, data.len().max(1), EVENT_BYTES_MAX);
    assert_eq!(limited, event_ends(data, 1, EVENT_BYTES_MAX), "split changes events");
    let whole = event_ends(data, data.len().max(1), u64::MAX);
    for size in [1, 2, 5] {
        assert_eq!(whole, event_ends(data, size, u64::MAX), "split changes events");
    }
    let (ends, ok) = whole;
    assert!(ok && ends.is_sorted() && ends.last().is_none_or(|end| *end <= data.len()));

    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let mut naive = naive_events(text);
    if naive.len() == ends.len() + 1 && data.ends_with(b"\r") {
        // Held for the LF that may follow.
        naive.pop();
    }
    let mut found = Vec::new();
    let mut from = 0;
    for (number, end) in ends.into_iter().enumerate() {
        let raw = &data[from..end];
        // A mark that does not open the stream would be skipped in its event only.
        let raw = if number > 0 && raw.starts_with(b"\xef\xbb\xbf") { &b"\n"[..] } else { raw };
        let event = parse_event(raw);
        let mut bytes = Vec::new();
        event.data_bytes(raw, &mut bytes);
        found.push((event.data.len(), bytes));
        from = end;
    }
    assert_eq!(found.len(), naive.len(), "another reader finds more or fewer events");
    if !text.windows(3).any(|window| window == b"\xef\xbb\xbf") {
        assert_eq!(found, naive, "another reader finds other data");
    }
}

/// The result of parsing `data` as it arrives byte by byte: the careful way, where one that is whole
/// may be plain. So that each is held against the other.
fn grown(
    data: &[u8],
    mut parse: impl FnMut(&[u8]) -> Result<Option<usize>, HeadError>,
) -> Result<Option<usize>, HeadError> {
    (0..=data.len()).map(|end| parse(&data[..end])).find(|r| *r != Ok(None)).unwrap_or(Ok(None))
}

/// A reader as lax as the laxest known: any of CR and LF ends a line, white space and controls
/// around a name or value do not count, `_` is `-`. It must find the framing that was found.
fn one_reading(head: &[u8], framing: Framing, version: Version, is_request: bool) {
    let lines = head.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
    let (mut lengths, mut encodings, mut hosts) = (Vec::new(), Vec::new(), 0);
    for line in lines.skip(1) {
        let text = String::from_utf8_lossy(line).to_lowercase();
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        let lax = |c: char| c.is_whitespace() || c.is_control();
        let name = name.trim_matches(lax);
        let name = if is_request { name.replace('_', "-") } else { name.to_owned() };
        let value = value.trim_matches(lax).to_owned();
        match name.as_str() {
            "content-length" => lengths.push(value.parse::<u64>().ok()),
            "transfer-encoding" => encodings.push(value),
            "host" => hosts += 1,
            _ => {}
        }
    }
    match framing {
        Framing::Length(length) => {
            assert_eq!((lengths, encodings.len()), (vec![Some(length)], 0), "two readings");
        }
        Framing::Chunked => {
            assert_eq!((lengths.len(), encodings), (0, vec!["chunked".to_owned()]), "two readings");
        }
        Framing::None | Framing::UntilClose => {
            assert_eq!((lengths.len(), encodings.len()), (0, 0), "two readings");
            assert_eq!(is_request, framing == Framing::None);
        }
    }
    assert!(!is_request || hosts == 1 || (hosts == 0 && version == Version::Http10), "two hosts");
}

fn forwarded_request(data: &[u8], head: &RequestHead) {
    let mut out = Vec::new();
    let host = head.host.map_or(&b"a"[..], |host| host.of(data));
    let to = RequestOut {
        target: head.target.of(data),
        host,
        framing: head.framing,
        drop: &[],
        extra: &[],
        keep_alive: true,
    };
    write_request(&mut out, data, head, &to);
    let mut again = RequestHead::new();
    let wide = HeadLimits { bytes: usize::MAX, ..WIDE };
    match again.parse(&out, &wide) {
        Ok(Some(end)) => assert_eq!(end, out.len(), "forwarded as more than one head"),
        // An HTTP/1.0 head without Host gains one field and a host that its target may not name.
        Err(HeadError::TooManyFields { .. }) => return,
        Err(HeadError::HostDisagrees) if head.host.is_none() => return,
        other => panic!("forwarded as something refused: {other:?}"),
    }
    assert_eq!(again.framing, head.framing);
    assert_eq!(again.method.of(&out), head.method.of(data));
    assert_eq!(again.path.of(&out), head.path.of(data));
    assert!(again.keep_alive);
    let sent = head.fields.iter().filter(|field| {
        let name = field.name.of(data);
        !field.hop && !name.eq_ignore_ascii_case(b"expect")
    });
    let sent: Vec<_> =
        sent.map(|f| (f.name.of(data).to_ascii_lowercase(), f.value.of(data))).collect();
    let got = again.fields.iter().filter(|field| !field.hop);
    let mut got: Vec<_> =
        got.map(|f| (f.name.of(&out).to_ascii_lowercase(), f.value.of(&out))).collect();
    if head.host.is_none() {
        got.remove(0);
    }
    assert_eq!(sent, got, "fields changed on the way");
}

fn forwarded_response(data: &[u8], head: &ResponseHead, verb: Verb) {
    let mut out = Vec::new();
    let to = ResponseOut {
        framing: head.framing,
        drop: &[],
        extra: &[],
        keep_alive: head.keep_alive,
        peer: Version::Http11,
        content_length: head.content_length,
    };
    write_response(&mut out, data, head, &to);
    let mut again = ResponseHead::new();
    let wide = HeadLimits { bytes: usize::MAX, ..WIDE };
    match again.parse(&out, &wide, verb) {
        Ok(Some(end)) => assert_eq!(end, out.len(), "forwarded as more than one head"),
        Err(HeadError::TooManyFields { .. }) => return,
        other => panic!("forwarded as something refused: {other:?}"),
    }
    assert_eq!((again.status, again.framing), (head.status, head.framing));
    assert_eq!(again.reason.of(&out), head.reason.of(data));
}

/// What came of decoding a chunked body.
#[derive(Debug, PartialEq, Eq)]
struct Dechunked {
    kept: Vec<u8>,
    data: Vec<u8>,
    consumed: usize,
    ended: bool,
    error: Option<crate::ChunkError>,
}

impl Dechunked {
    /// Feeds `input` as it grows by `size` bytes, giving again what was not consumed.
    fn of(input: &[u8], size: usize, limits: ChunkLimits) -> Self {
        let mut done =
            Self { kept: Vec::new(), data: Vec::new(), consumed: 0, ended: false, error: None };
        let mut body = Chunked::new(limits);
        let mut end = 0;
        while end < input.len() && !done.ended {
            end = input.len().min(end + size.max(1));
            let given = &input[done.consumed..end];
            let result = body.feed(given, |piece| {
                let bytes = piece.span.of(given);
                assert_eq!(bytes.len(), piece.span.len(), "piece out of the input");
                done.kept.extend_from_slice(bytes);
                if piece.data {
                    done.data.extend_from_slice(bytes);
                }
            });
            match result {
                Ok(fed) => {
                    assert!(fed.consumed <= given.len());
                    let held = given.len() - fed.consumed;
                    assert!(fed.ended || held <= limits.trailer_bytes, "too much is given back");
                    done.consumed += fed.consumed;
                    done.ended = fed.ended;
                }
                Err(error) => {
                    // How far the failing call had come is not told.
                    done.consumed = 0;
                    done.error = Some(error);
                    break;
                }
            }
        }
        done
    }
}

/// The data of a chunked body in its plain form.
fn naive_dechunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line_end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&body[..line_end]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        body = &body[line_end + 2..];
        if size == 0 {
            return (body == b"\r\n" || body.ends_with(b"\r\n\r\n")).then_some(data);
        }
        data.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// Offsets of the event ends of `data` fed by `size`, and whether all were within the limit.
fn event_ends(data: &[u8], size: usize, max: u64) -> (Vec<usize>, bool) {
    let mut scanner = EventScanner::new(max);
    let (mut ends, mut offset) = (Vec::new(), 0);
    for chunk in data.chunks(size) {
        if scanner.feed(chunk, |end| ends.push(offset + end)).is_err() {
            return (ends, false);
        }
        offset += chunk.len();
    }
    (ends, true)
}

/// Each event as its number of data lines and its data.
fn naive_events(text: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'\r' {
            bytes.next_if_eq(&&b'\n');
        }
        match byte {
            b'\r' | b'\n' => lines.push(std::mem::take(&mut line)),
            _ => line.push(*byte),
        }
    }
    let mut events = Vec::new();
    let mut data: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        if line.is_empty() {
            events.push((data.len(), data.join(&b'\n')));
            data.clear();
        } else if line == b"data" {
            data.push(Vec::new());
        } else if let Some(value) = line.strip_prefix(b"data:") {
            data.push(value.strip_prefix(b" ").unwrap_or(value).to_vec());
        }
    }
    events
}
