//! An agent's request, before anything of it leaves.

use std::rc::Rc;

use aho_corasick::AhoCorasick;
use penstock_http1::{Framing, Verb};
use penstock_inspect::{Form, Opened, Outcome, Side};
use penstock_mcp::{Era, ErrorKind, Kind, ScanLimits};

use super::evidence::tell_opened;
use super::head::leave_out;
use super::look::{Eyes, Looked, Place};
use super::{Asked, Guard, Instead, Stop};
use crate::access::{Noted, printable};
use crate::downstream::Downstream;
use crate::pipeline;
use crate::respond::blocked;
use crate::shard::{Shard, View};

/// Not passed on: the upstream is to send what can be looked into, and whole.
const OF_THE_ANSWER: [&str; 4] = ["accept-encoding", "range", "if-range", "a-im"];
/// Given by the server, or the revision itself.
const NOT_LOOKED_AT: [&str; 2] = ["mcp-session-id", "mcp-protocol-version"];
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";
/// What headers repeat is found so often in a body, for each of its bytes, before that is too much.
const FOUND_TIMES: usize = 8;

/// Why a request does not leave, and whom to answer.
pub(crate) struct Refused {
    pub(crate) stop: Stop,
    pub(crate) asked: Asked,
}

/// Looks into a request, and leaves in its place what may go to the upstream.
pub(crate) fn request(
    down: &mut Downstream,
    shard: &Rc<Shard>,
    view: &View,
    guard: &Guard,
) -> Result<(), Refused> {
    let mut check = Check { guard, shard, view, asked: None };
    check.all(down).map_err(|stop| {
        check.eyes(down).tell_blocked(&stop, Instead::Error);
        unname(down, view);
        Refused { stop, asked: check.asked.unwrap_or_else(|| Asked::of(down)) }
    })
}

/// One look at a request.
struct Check<'a> {
    guard: &'a Guard,
    shard: &'a Shard,
    view: &'a View,
    /// Whom to answer, once another body may say another.
    asked: Option<Asked>,
}

impl Check<'_> {
    fn eyes<'d>(&'d self, down: &'d Downstream) -> Eyes<'d> {
        Eyes::new(self.guard, self.shard, self.view, Side::Request, down)
    }

    fn all(&mut self, down: &mut Downstream) -> Result<(), Stop> {
        leave_out(&mut down.head.fields, &down.buffer, &OF_THE_ANSWER);
        head(down, &self.eyes(down))?;
        if down.head.verb != Verb::Post {
            return Ok(());
        }
        let mut unnamed = false;
        // The name and the method are in the access log.
        let mut found = |pointer: &str| {
            unnamed |= matches!(pointer, "" | "/params" | "/params/name" | "/method");
        };
        let changed = match self.eyes(down).look(down.body(), Place::Message, &mut found) {
            Looked::Stopped(stop) => return self.put_error(down, stop),
            Looked::Clean => None,
            Looked::Changed(body) => Some(body),
        };
        if unnamed {
            unname(down, self.view);
        }
        if let Some(body) = changed {
            self.replace(down, body)?;
        }
        self.open(down, unnamed)?;
        if down.framing() == Framing::Chunked && has_trailers(down.framed()) {
            // They are not looked into; without them the body is the same.
            let body = std::mem::take(&mut down.decoded);
            down.replace_body(body);
        }
        Ok(())
    }

    /// Puts another body in place of the request's: one that says the same of itself where the head and the answer
    /// rely on it.
    fn replace(&mut self, down: &mut Downstream, body: Vec<u8>) -> Result<(), Stop> {
        if let Some(name) = mirrors(down, &body) {
            let why = format!("what header {name} repeats would be replaced in the body");
            return Err(self.eyes(down).stop(Stop::because(why)));
        }
        self.asked = Some(Asked::of(down));
        down.replace_body(body);
        let limits = self.view.world.limits();
        let limits = ScanLimits { depth: limits.json_depth, batch: limits.batch_messages };
        if pipeline::read(down, limits).is_ok_and(|era| era == down.era) {
            return Ok(());
        }
        let why = "with what would be replaced in it its headers no longer agree with it";
        Err(self.eyes(down).stop(Stop::because(why)))
    }

    /// Puts an error in the place of what the agent answers a server with, so that the server does not wait for it.
    fn put_error(&mut self, down: &mut Downstream, stop: Stop) -> Result<(), Stop> {
        let response = down.message.single().filter(|one| one.kind == Kind::Response);
        let id = response.and_then(|one| one.id).map(|id| id.of(down.body()));
        let eyes = self.eyes(down);
        let Some(id) = id.filter(|id| eyes.may_say(id)) else { return Err(stop) };
        let error = blocked(ErrorKind::RequestBlocked, Some(id), &stop);
        eyes.tell_blocked(&stop, Instead::Error);
        self.replace(down, error)
    }

    /// Gives values in the place of placeholders to a tool that may have them; it is `unnamed` where something was
    /// found in its name.
    fn open(&mut self, down: &mut Downstream, unnamed: bool) -> Result<(), Stop> {
        if !self.guard.policy.opens() {
            return Ok(());
        }
        let Some(tool) = down.tool() else { return Ok(()) };
        let mut opened: Vec<Opened> = Vec::new();
        let mut tell = |one| opened.push(one);
        let outcome = self.guard.policy.open(down.body(), Form::Json, Some(&tool), &mut tell);
        match outcome {
            Outcome::Unchanged | Outcome::Passed(_) => Ok(()),
            Outcome::Changed(body) => {
                let tool = if unnamed { String::new() } else { tool };
                self.replace(down, body)?;
                for one in &opened {
                    tell_opened(&self.eyes(down), &tool, one);
                }
                Ok(())
            }
            Outcome::Blocked(blocked) => {
                Err(self.eyes(down).stop(Stop::by(blocked, Place::Message)))
            }
        }
    }
}

/// Keeps out of the access log what was found: it says what a message names.
pub(crate) fn unname(down: &mut Downstream, view: &View) {
    if view.world.snapshot.log.access {
        down.noted = Some(Box::new(Noted::unnamed(down, view)));
    }
}

/// What a head can carry beside its message.
fn head(down: &Downstream, eyes: &Eyes<'_>) -> Result<(), Stop> {
    let look = |text: &[u8], place| match eyes.look(text, place, &mut |_| {}) {
        Looked::Stopped(stop) => Err(stop),
        Looked::Clean | Looked::Changed(_) => Ok(()),
    };
    if let Some(query) = down.head.query {
        look(query.of(&down.buffer), Place::Query)?;
    }
    let mut lines = Vec::new();
    for field in &down.head.fields {
        let (name, value) = (field.name.of(&down.buffer), field.value.of(&down.buffer));
        if !is_mcp(name) || is_known(down, name, value) {
            continue;
        }
        for part in [name, b": ", value, b"\n"] {
            lines.extend_from_slice(part);
        }
    }
    if lines.is_empty() { Ok(()) } else { look(&lines, Place::Headers) }
}

fn is_mcp(name: &[u8]) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"mcp-"))
}

/// Whether a header says nothing that is not looked into elsewhere.
fn is_known(down: &Downstream, name: &[u8], value: &[u8]) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if NOT_LOOKED_AT.iter().any(|known| is(known)) {
        return true;
    }
    // It was held against the body, which is looked into.
    let Some(one) = down.message.single().filter(|_| down.era == Era::Modern) else { return false };
    let same =
        |text: Option<penstock_mcp::Text>| text.is_some_and(|text| text.eq(down.body(), value));
    is(METHOD) && same(one.method) || is(NAME) && (same(one.name) || same(one.uri))
}

/// A header that may repeat what another body no longer says. Which argument it repeats only the tool's schema
/// knows.
fn mirrors(down: &Downstream, body: &[u8]) -> Option<String> {
    let fields = down.head.fields.iter();
    let mirrors = fields.filter(|field| {
        let start = field.name.of(&down.buffer).get(..PARAM.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(PARAM.as_bytes()))
    });
    let mirrors: Vec<_> = mirrors.collect();
    let values: Vec<&[u8]> = mirrors.iter().map(|field| field.value.of(&down.buffer)).collect();
    if values.is_empty() {
        return None;
    }
    let counted = AhoCorasick::new(&values).ok().and_then(|search| {
        Some((whole_values(&search, down.body())?, whole_values(&search, body)?))
    });
    let gone = match counted {
        // One that is not there as it is written may be there in other words.
        Some((before, after)) => {
            before.iter().zip(&after).position(|(before, after)| *before == 0 || after < before)
        }
        // More than can be looked for: any may be.
        None => Some(0),
    };
    let gone = mirrors.get(gone?)?;
    Some(printable(gone.name.of(&down.buffer)))
}

/// How often each of the texts that are searched for stands in another as a whole value: a short one may be a part of
/// many. However many there are, the text is read once; `None` where they stand over each other too often.
fn whole_values(search: &AhoCorasick, text: &[u8]) -> Option<Vec<usize>> {
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| b"\":,[]{} \t\r\n".contains(byte));
    let mut counts = vec![0; search.patterns_len()];
    let mut left = text.len().saturating_mul(FOUND_TIMES);
    for one in search.find_overlapping_iter(text) {
        left = left.checked_sub(1)?;
        let before = one.start().checked_sub(1).and_then(|before| text.get(before));
        if ends(before) && ends(text.get(one.end())) {
            *counts.get_mut(one.pattern().as_usize())? += 1;
        }
    }
    Some(counts)
}

/// Whether a chunked body, in the framing that it is passed on in, has fields behind it.
fn has_trailers(framed: &[u8]) -> bool {
    framed != b"0\r\n\r\n" && !framed.ends_with(b"\r\n0\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_headers_repeat_is_counted_as_whole_values() {
        let values = ["eu", "2", "eu", "eu-1", "", "no"];
        let search = AhoCorasick::new(values).expect("a search");
        let text = br#"{"region":"eu","zone":"eu-1","page":2,"size":20,"of":["eu","x-eu"]}"#;
        let counts = whole_values(&search, text).expect("few");
        assert_eq!((&counts[..4], counts[5]), (&[2, 1, 2, 1][..], 0));
    }

    #[test]
    fn values_over_each_other_are_not_counted_without_end() {
        let values: Vec<String> = (1..=40).map(|length| "a".repeat(length)).collect();
        let search = AhoCorasick::new(&values).expect("a search");
        assert_eq!(whole_values(&search, "a".repeat(10_000).as_bytes()), None);
    }

    #[test]
    fn trailers_are_seen_behind_the_last_chunk() {
        for (framed, has) in [
            ("0\r\n\r\n", false),
            ("2\r\n{}\r\n0\r\n\r\n", false),
            ("2\r\n{}\r\n0\r\nX: 1\r\n\r\n", true),
            ("0\r\nX: 0\r\n\r\n", true),
            ("2\r\n{}\r\n00\r\n\r\n", true),
        ] {
            assert_eq!(has_trailers(framed.as_bytes()), has, "{framed:?}");
        }
    }
}
