//! An answer as it arrives, in any pieces: its head, its framing, and the messages in it.

mod heads;

use memchr::memchr;
use penstock_http1::{
    ChunkLimits, Chunked, EventScanner, Framing, ResponseHead, Verb, parse_event,
};

use self::heads::HEAD_BYTES_MAX;
pub(super) use self::heads::Heads;
use super::failure::Fault;
use crate::report::model::ErrorKind;

/// The largest body, and the largest event of a stream, that is taken in.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;
/// Buffers that grew beyond this for one answer are given back after it.
pub(super) const KEPT_BYTES: usize = 256 << 10;

/// Interim answers (1xx) before one that counts: more than these are no way to answer.
const INTERIM_MAX: u32 = 100;

/// Is told what an answer says.
pub(super) trait Listener {
    /// The final head.
    fn head(&mut self, head: Head<'_>);
    /// A message: the whole body, or an event of a stream.
    fn message(&mut self, text: &[u8], form: Form);
}

/// The head of an answer.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) status: u16,
    pub(super) form: Form,
    fields: &'a ResponseHead,
    buffer: &'a [u8],
}

impl<'a> Head<'a> {
    /// A header's value.
    pub(super) fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.value(self.buffer, name)
    }
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The whole body of a JSON answer.
    Json,
    /// An event of an event stream.
    Event,
    /// The whole body, of another media type or none.
    Other,
}

/// How far one [`Reader::feed`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fed {
    /// Bytes that are done with; the rest has to be given again, with more behind it.
    pub(super) consumed: usize,
    /// Bytes beyond those given without which there is nothing to do, as far as that is known.
    pub(super) missing: usize,
    /// The answer is over; whether its connection can carry another one.
    pub(super) ended: Option<Keep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Alive,
    Close,
}

/// Reads one answer after another on a connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    stage: Stage,
    /// Of the body or the event under way, what had to be put together.
    text: Vec<u8>,
    /// Heads that came before the one of the answer.
    interim: u32,
    /// Bytes of a head that were read and are not all of it.
    head_bytes: usize,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Head,
    /// A body with a length, taken whole where it lies.
    Whole { form: Form, length: usize, keep: Keep },
    /// A body or event stream that comes in pieces.
    Pieces(Box<Pieces>),
}

#[derive(Debug)]
struct Pieces {
    form: Form,
    keep: Keep,
    framing: Pieced,
    scanner: EventScanner,
}

#[derive(Debug)]
enum Pieced {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Reader {
    /// Whether anything of the answer has come.
    pub(super) fn begun(&self) -> bool {
        !matches!(self.stage, Stage::Head)
    }

    /// Forgets the answer under way.
    pub(super) fn reset(&mut self) {
        self.stage = Stage::Head;
        self.interim = 0;
        self.head_bytes = 0;
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
    }

    /// Gives back the memory of answers before; none is under way.
    pub(super) fn give_back(&mut self) {
        self.text = Vec::new();
    }

    /// Memory that the body or the event under way takes, or one before it took.
    pub(super) fn kept_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// Takes in bytes of the answer to a request with `verb`. With `closed` they are the last.
    /// After an error the connection is of no more use.
    #[inline]
    pub(super) fn feed(
        &mut self,
        input: &[u8],
        closed: bool,
        verb: Verb,
        heads: &mut Heads,
        listener: &mut impl Listener,
    ) -> Result<Fed, Fault> {
        let mut at = 0;
        while matches!(self.stage, Stage::Head) {
            let rest = input.get(at..).unwrap_or_default();
            // It cannot be whole before another line is, however few bytes come at a time.
            let new = rest.get(self.head_bytes..).unwrap_or_default();
            let may_end = memchr(b'\n', new).is_some() || rest.len() > HEAD_BYTES_MAX;
            if self.head_bytes > 0 && !may_end && !closed {
                return Ok(Fed::more(at, 1));
            }
            let length = heads.read(rest, verb);
            let length = length.map_err(|error| Fault::written(ErrorKind::Http, error))?;
            self.head_bytes = 0;
            let Some(length) = length else {
                self.head_bytes = rest.len();
                return if closed { Err(cut(!input.is_empty())) } else { Ok(Fed::more(at, 1)) };
            };
            at += length;
            // A 1xx goes before the answer.
            if heads.head().status >= 200 {
                self.begin(heads.head(), rest, listener)?;
            } else {
                self.interim += 1;
                if self.interim > INTERIM_MAX {
                    return Err(Fault::new(ErrorKind::Http, "more than 100 interim answers (1xx)"));
                }
            }
        }
        let rest = input.get(at..).unwrap_or_default();
        let fed = if let Stage::Whole { form, length, keep } = &self.stage {
            let Some(body) = rest.get(..*length) else {
                let missing = length - rest.len();
                return if closed { Err(cut(true)) } else { Ok(Fed::more(at, missing)) };
            };
            listener.message(body, *form);
            Fed { consumed: at + length, missing: 0, ended: Some(*keep) }
        } else {
            let fed = self.pieces(rest, closed, listener)?;
            Fed { consumed: at + fed.consumed, ..fed }
        };
        if fed.ended.is_some() {
            self.reset();
            if fed.consumed < input.len() {
                return Err(Fault::new(ErrorKind::Http, "more bytes than the answer has"));
            }
        }
        Ok(fed)
    }

    #[inline]
    fn begin(
        &mut self,
        head: &ResponseHead,
        buffer: &[u8],
        listener: &mut impl Listener,
    ) -> Result<(), Fault> {
        let form = form_of(head.value(buffer, "content-type").unwrap_or_default());
        listener.head(Head { status: head.status, form, fields: head, buffer });
        if let Some(coding) = head.value(buffer, "content-encoding")
            && !coding.eq_ignore_ascii_case(b"identity")
        {
            let coding = String::from_utf8_lossy(coding);
            return Err(Fault::written(ErrorKind::Shape, format!("content-encoding {coding}")));
        }
        let keep = if head.keep_alive { Keep::Alive } else { Keep::Close };
        let framing = match head.framing {
            Framing::None => {
                self.stage = Stage::Whole { form, length: 0, keep };
                return Ok(());
            }
            Framing::Length(length) if form != Form::Event => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > BODY_BYTES_MAX {
                    return Err(too_long());
                }
                self.stage = Stage::Whole { form, length, keep };
                return Ok(());
            }
            Framing::Length(length) => Pieced::Length(length),
            Framing::Chunked => Pieced::Chunked(Chunked::new(ChunkLimits::default())),
            Framing::UntilClose => Pieced::UntilClose,
        };
        let scanner = EventScanner::new(BODY_BYTES_MAX as u64);
        self.stage = Stage::Pieces(Box::new(Pieces { form, keep, framing, scanner }));
        Ok(())
    }

    fn pieces(
        &mut self,
        input: &[u8],
        closed: bool,
        listener: &mut impl Listener,
    ) -> Result<Fed, Fault> {
        let text = &mut self.text;
        let Stage::Pieces(pieces) = &mut self.stage else { return Ok(Fed::more(0, 1)) };
        let Pieces { form, framing, scanner, .. } = &mut **pieces;
        let mut take = |data: &[u8]| match form {
            Form::Event => events(scanner, text, data, listener),
            _ if text.len() + data.len() > BODY_BYTES_MAX => Err(too_long()),
            _ => {
                text.extend_from_slice(data);
                Ok(())
            }
        };
        let (consumed, ended) = match framing {
            Pieced::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                take(input.get(..length).unwrap_or_default())?;
                *left -= length as u64;
                (length, *left == 0)
            }
            Pieced::Chunked(chunked) => {
                let mut taken = Ok(());
                let fed = chunked.feed(input, |piece| {
                    if piece.data && taken.is_ok() {
                        taken = take(piece.span.of(input));
                    }
                });
                taken?;
                let fed = fed.map_err(|error| Fault::written(ErrorKind::Http, error))?;
                (fed.consumed, fed.ended)
            }
            Pieced::UntilClose => {
                take(input)?;
                (input.len(), closed)
            }
        };
        if !ended {
            return if closed { Err(cut(true)) } else { Ok(Fed::more(consumed, 1)) };
        }
        if *form != Form::Event {
            listener.message(text, *form);
        }
        Ok(Fed { consumed, missing: 0, ended: Some(pieces.keep) })
    }
}

impl Fed {
    fn more(consumed: usize, missing: usize) -> Self {
        Self { consumed, missing, ended: None }
    }
}

/// Passes on the events that end in `data`; what is left of it waits in `text`.
fn events(
    scanner: &mut EventScanner,
    text: &mut Vec<u8>,
    data: &[u8],
    listener: &mut impl Listener,
) -> Result<(), Fault> {
    let mut from = 0;
    let fed = scanner.feed(data, |end| {
        let piece = data.get(from..end).unwrap_or_default();
        from = end;
        if text.is_empty() {
            dispatch(piece, listener);
        } else {
            text.extend_from_slice(piece);
            dispatch(text, listener);
            text.clear();
        }
    });
    fed.map_err(|_| too_long())?;
    text.extend_from_slice(data.get(from..).unwrap_or_default());
    Ok(())
}

fn dispatch(raw: &[u8], listener: &mut impl Listener) {
    let event = parse_event(raw);
    let mut lines = event.data.iter();
    match (lines.next(), lines.next()) {
        // A comment, or what only sets an id: no message.
        (None, _) => {}
        (Some(line), None) if line.is_empty() => {}
        (Some(line), None) => listener.message(line.of(raw), Form::Event),
        _ => {
            let mut joined = Vec::new();
            event.data_bytes(raw, &mut joined);
            listener.message(&joined, Form::Event);
        }
    }
}

fn form_of(content_type: &[u8]) -> Form {
    let media = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let media = media.trim_ascii();
    if media.eq_ignore_ascii_case(b"application/json") {
        Form::Json
    } else if media.eq_ignore_ascii_case(b"text/event-stream") {
        Form::Event
    } else {
        Form::Other
    }
}

fn cut(begun: bool) -> Fault {
    let what = if begun { "closed within the answer" } else { "closed before the answer" };
    Fault::new(ErrorKind::Disconnected, what)
}

fn too_long() -> Fault {
    Fault::new(ErrorKind::Http, "an answer of more than 64 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq)]
    struct Heard {
        status: u16,
        session: Option<Vec<u8>>,
        messages: Vec<(String, Form)>,
    }

    impl PartialEq<(u16, &[(&str, Form)])> for Heard {
        fn eq(&self, (status, messages): &(u16, &[(&str, Form)])) -> bool {
            let heard = self.messages.iter().map(|(text, form)| (text.as_str(), *form));
            self.status == *status && heard.eq(messages.iter().copied())
        }
    }

    impl Listener for Heard {
        fn head(&mut self, head: Head<'_>) {
            self.status = head.status;
            self.session = head.value("mcp-session-id").map(<[u8]>::to_vec);
        }

        fn message(&mut self, text: &[u8], form: Form) {
            self.messages.push((String::from_utf8(text.to_vec()).unwrap(), form));
        }
    }

    /// Reads an answer that comes in pieces of `size`, as a connection does.
    fn read(answer: &[u8], size: usize, closes: bool) -> (Heard, Result<Option<Keep>, Fault>) {
        let (mut reader, mut heads) = (Reader::default(), Heads::default());
        let (mut heard, mut left, mut found) = (Heard::default(), Vec::new(), Ok(None));
        for piece in answer.chunks(size) {
            left.extend_from_slice(piece);
            match reader.feed(&left, false, Verb::Post, &mut heads, &mut heard) {
                Ok(fed) => {
                    left.drain(..fed.consumed);
                    found = Ok(fed.ended);
                }
                Err(fault) => return (heard, Err(fault)),
            }
        }
        if closes && found == Ok(None) {
            let fed = reader.feed(&left, true, Verb::Post, &mut heads, &mut heard);
            found = fed.map(|fed| fed.ended);
        }
        (heard, found)
    }

    const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\
        Mcp-Session-Id: s1\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5;x=y\r\n\":1}\n\r\n0\r\nT: v\r\n\r\n";
    const CLOSES: &str = "HTTP/1.0 200 OK\r\nContent-Type: Application/JSON\r\n\r\n{\"a\":1}\n";

    /// Two events among a comment and what only sets an id, with every line end, in chunks that
    /// end anywhere.
    fn events() -> String {
        let text = ": hi\r\n\r\ndata: {\"p\":1}\r\rid: 7\ndata:\n\nevent: message\ndata: [1,\r\ndata: 2]\n\n";
        let mut answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
            Transfer-Encoding: chunked\r\n\r\n"
            .to_owned();
        for piece in text.as_bytes().chunks(11) {
            answer += &format!("{:x}\r\n{}\r\n", piece.len(), str::from_utf8(piece).unwrap());
        }
        answer + "0\r\n\r\n"
    }

    #[test]
    fn every_framing_is_read_at_any_split() {
        let json: &[_] = &[("{\"a\":1}\n", Form::Json)];
        let stream = events();
        let events: &[_] = &[("{\"p\":1}", Form::Event), ("[1,\n2]", Form::Event)];
        for (answer, messages, keep) in [
            (JSON, json, Keep::Alive),
            (CHUNKED, json, Keep::Alive),
            (&stream, events, Keep::Alive),
            (CLOSES, json, Keep::Close),
        ] {
            for size in 1..=answer.len() {
                let (heard, ended) = read(answer.as_bytes(), size, answer == CLOSES);
                assert_eq!(ended, Ok(Some(keep)), "{answer} by {size}");
                assert_eq!(heard, (200, messages), "{answer} by {size}");
                assert_eq!(heard.session.is_some(), answer == JSON);
            }
        }
    }

    #[test]
    fn an_event_stream_may_have_a_length() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 10\r\n\
            Connection: close\r\n\r\ndata: {}\n\n";
        for size in 1..=answer.len() {
            let (heard, ended) = read(answer.as_bytes(), size, false);
            assert_eq!(ended, Ok(Some(Keep::Close)));
            assert_eq!(heard, (200, &[("{}", Form::Event)][..]));
        }
    }

    #[test]
    fn an_interim_answer_goes_before_and_an_empty_one_has_a_message_without_text() {
        let answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\n\
            Content-Length: 0\r\n\r\n";
        for size in 1..=answer.len() {
            let (heard, ended) = read(answer.as_bytes(), size, false);
            assert_eq!(ended, Ok(Some(Keep::Alive)));
            assert_eq!(heard, (202, &[("", Form::Other)][..]));
        }
    }

    #[test]
    fn what_ends_early_is_told_from_what_never_began() {
        for answer in [JSON, CHUNKED, &events()] {
            for length in 0..answer.len() {
                let (_, ended) = read(&answer.as_bytes()[..length], 7, true);
                let fault = ended.expect_err("it is cut off");
                assert_eq!(fault, cut(length > 0), "{length} of {answer}");
            }
        }
    }

    #[test]
    fn what_is_no_http_or_too_much_is_refused() {
        let kind = |answer: &[u8]| read(answer, 4096, true).1.expect_err("refused").kind;
        assert_eq!(kind(b"SSH-2.0-OpenSSH_9.2\r\n"), ErrorKind::Http);
        assert_eq!(kind(&[JSON.as_bytes(), b"x"].concat()), ErrorKind::Http);
        let many = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(65 << 10));
        assert_eq!(kind(many.as_bytes()), ErrorKind::Http);
        let long = JSON.replace("Length: 8", "Length: 67108865");
        assert_eq!(kind(long.as_bytes()), ErrorKind::Http);
        assert_eq!(kind(CHUNKED.replace("5;x", "z").as_bytes()), ErrorKind::Http);
        let zipped = JSON.replace("Mcp-Session-Id: s1", "Content-Encoding: gzip");
        assert_eq!(kind(zipped.as_bytes()), ErrorKind::Shape);
    }
}
