//! What goes out: rendered before the run but for the id, which is a number of fixed width.
//!
//! A request is the head that all of them share, the lines of its template, the lines of its
//! session, and the body of its template: four copies into a buffer that is there already.

use anyhow::Context as _;
use penstock_http1::Verb;

mod body;
mod fields;
mod template;

pub(super) use fields::{opened_lines, session_lines};
pub(super) use template::{Act, Template};

use self::template::Maker;
use crate::engine::asked::Asked;
use crate::plan::{Call, Era, Operation, Part, Plan, Size, THREADS_MAX, Traffic};
use crate::random::Random;

/// Operations that the report tells apart; what a recording holds beyond them is one more.
const OPERATIONS_MAX: usize = 64;
/// Random letters beyond the longest padding, so that paddings begin at different ones.
const LETTERS_BEYOND: usize = 4096;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Every request of a run; shared by all threads.
pub(super) struct Requests {
    /// The start line and the lines that every request of its verb has.
    post: Vec<u8>,
    get: Vec<u8>,
    delete: Vec<u8>,
    /// Of the mix's parts, or of the recording's messages, in their order.
    pub(super) templates: Vec<Template>,
    pub(super) initialize: Template,
    pub(super) announce: Template,
    pub(super) end: Template,
    /// Names of what the report tells apart.
    pub(super) operations: Vec<String>,
    letters: Vec<u8>,
}

impl Requests {
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Self> {
        let maker = Maker { era: plan.era };
        let mut operations = Operations::default();
        let mut templates = match &plan.traffic {
            Traffic::Mix(parts) => parts
                .iter()
                .map(|part| maker.operation(&part.operation, &mut operations))
                .collect::<anyhow::Result<Vec<_>>>()?,
            Traffic::Replay(messages) => messages
                .iter()
                .enumerate()
                .map(|(at, message)| {
                    maker
                        .recorded(message, &mut operations)
                        .with_context(|| format!("message {} of the recording", at + 1))
                })
                .collect::<anyhow::Result<Vec<_>>>()?,
        };
        anyhow::ensure!(!templates.is_empty(), "there is nothing to send");
        for (number, template) in templates.iter_mut().enumerate() {
            template.number = number;
        }
        let longest = match &plan.traffic {
            Traffic::Mix(parts) => parts.iter().filter_map(padding_bytes_max).max(),
            Traffic::Replay(_) => None,
        };
        let mut random = Random::of(plan.seed, u64::MAX);
        let letter = |_| LETTERS.get(random.below(LETTERS.len())).copied().unwrap_or(b'x');
        let letters = (0..longest.map_or(0, |longest| longest + LETTERS_BEYOND)).map(letter);
        Ok(Self {
            post: fields::head(plan, "POST", "application/json, text/event-stream", true),
            get: fields::head(plan, "GET", "text/event-stream", false),
            delete: fields::head(plan, "DELETE", "*/*", false),
            templates,
            initialize: Maker::initialize()?,
            announce: maker.announce()?,
            end: Template::end(),
            operations: operations.names,
            letters: letters.collect(),
        })
    }

    /// Writes a request over what is in `out`.
    #[inline]
    pub(super) fn render(
        &self,
        template: &Template,
        session: &[u8],
        id: &Id,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        out.clear();
        out.extend_from_slice(match template.verb {
            Verb::Get => &self.get,
            Verb::Delete => &self.delete,
            _ => &self.post,
        });
        out.extend_from_slice(&template.lines);
        out.extend_from_slice(session);
        template.body.render(id, &self.letters, random, out);
    }

    /// The whole request that answers what the server asked, in a session with these lines.
    pub(super) fn reply(&self, session: &[u8], asked: &Asked) -> Vec<u8> {
        let body = asked.answer();
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        [&self.post, session, length.as_bytes(), &body].concat()
    }

    /// A method that every server of the era answers, for a look at one.
    pub(super) fn greeting(plan: &Plan) -> anyhow::Result<Template> {
        let maker = Maker { era: plan.era };
        match plan.era {
            Era::Legacy => Maker::initialize(),
            Era::Modern => maker.operation(&Operation::Initialize, &mut Operations::default()),
        }
    }
}

/// The most letters that a call of this part may be padded with, if they differ from call to call.
fn padding_bytes_max(part: &Part) -> Option<usize> {
    match &part.operation {
        Operation::Call(Call { padding_bytes: Size::Between(_, most), .. }) => Some(*most),
        _ => None,
    }
}

/// The names that the report tells apart, in the order in which they were met.
#[derive(Default)]
struct Operations {
    names: Vec<String>,
}

impl Operations {
    fn index(&mut self, name: String) -> u16 {
        let at = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            if self.names.len() < OPERATIONS_MAX {
                self.names.push(name);
            } else if self.names.len() == OPERATIONS_MAX {
                self.names.push("others".to_owned());
            }
            self.names.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

/// Digits of every id: as many as JavaScript counts without loss.
pub(super) const ID_DIGITS: usize = 15;
/// Room for the ids of one thread.
const IDS_A_THREAD: u64 = 100_000_000_000;
const FIRST_ID: u64 = 100_000_000_000_000;

/// The id of a request, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) [u8; ID_DIGITS]);

/// The ids of one thread, none of them twice in a run.
pub(super) struct Ids(Id);

impl Ids {
    /// Thread 0 is not one that sends calls: the probe has its ids.
    pub(super) fn new(thread: usize) -> Self {
        let first = FIRST_ID + IDS_A_THREAD * (thread.min(THREADS_MAX) as u64);
        let mut digits = [b'0'; ID_DIGITS];
        for (digit, text) in digits.iter_mut().zip(first.to_string().bytes()) {
            *digit = text;
        }
        Self(Id(digits))
    }

    #[inline]
    pub(super) fn next(&mut self) -> Id {
        let id = self.0;
        for digit in self.0.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
        id
    }
}

#[cfg(test)]
mod tests;
