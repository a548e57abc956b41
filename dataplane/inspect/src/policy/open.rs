//! Values in the place of placeholders.

use memchr::memmem;

use super::Policy;
use super::keys::Sealed;
use super::placeholder::{Placeholder, SEALED};
use super::pointer::Walk;
use super::told::{Blocked, Opened, Outcome, Why};
use crate::limits::Exceeded;
use crate::redact::{Splice, spliced};
use crate::scan::Form;
use crate::string::{Nests, Spot, Stands, quote, written};

/// Where the arguments of a tool are.
const ARGUMENTS: [&str; 2] = ["params", "arguments"];

impl Policy {
    /// Puts values back in the place of placeholders that this policy sealed, in a request that was inspected: in the
    /// arguments of `tool`, where that may have them. Elsewhere, in a batch, and for other tools, placeholders
    /// stay. One that cannot be opened blocks the message: the tool would take it for the value.
    ///
    /// A value is escaped as the strings are that it comes into, and a number that took a placeholder's place in
    /// quotes is a number again where those hold nothing else. `tell` is told of each, once all are open.
    pub fn open(
        &self,
        message: &[u8],
        form: Form,
        tool: Option<&str>,
        tell: &mut dyn FnMut(Opened),
    ) -> Outcome {
        if form != Form::Json || !tool.is_some_and(|tool| self.opens_for(tool)) {
            return Outcome::Unchanged;
        }
        let mut found = memmem::find_iter(message, SEALED).peekable();
        if found.peek().is_none() {
            return Outcome::Unchanged;
        }
        let Some(arguments) = Walk::new(message).value(&ARGUMENTS) else {
            return Outcome::Unchanged;
        };
        let mut nests = Nests::new(message, form);
        let mut splices: Vec<Splice> = Vec::new();
        let mut opened = Vec::new();
        let mut bytes = message.len();
        for start in found {
            let placeholder = message.get(start..arguments.end).and_then(Placeholder::of);
            let (Some((Placeholder::Sealed(class, token), length)), true) =
                (placeholder, arguments.contains(&start))
            else {
                continue;
            };
            let range = start..start + length;
            let Some((stood, value)) = self.keys.open(&self.server, class, token) else {
                let pointer = Walk::new(message).place(start, &[]).pointer;
                return Outcome::Blocked(Blocked { why: Why::Token, pointer });
            };
            let spot = nests.spot(range.clone());
            // In a string that is no text its own escapes are all that can be known.
            let spot = spot.unwrap_or(Spot {
                depth: 0,
                text: String::new(),
                stands: Stands::Within,
                source: range,
            });
            let splice = restored(message, &spot, stood, &value);
            bytes += splice.with.len();
            let most = self.inspector.limits().message_bytes;
            if bytes > most {
                let why = Why::Limit(Exceeded::Bytes { bytes, most });
                return Outcome::Blocked(Blocked { why, pointer: String::new() });
            }
            splices.push(splice);
            opened.push((class, start, self.keys.fingerprint(value.as_bytes())));
        }
        if splices.is_empty() {
            return Outcome::Unchanged;
        }
        let mut walk = Walk::new(message);
        for (class, start, fingerprint) in opened {
            let pointer = walk.place(start, &[]).pointer;
            tell(Opened { class, pointer, fingerprint });
        }
        Outcome::Changed(spliced(message, &splices))
    }
}

/// A value as it is written where its placeholder stands.
fn restored(message: &[u8], spot: &Spot, stood: Sealed, value: &str) -> Splice {
    let range = spot.source.clone();
    if stood == Sealed::Number && spot.stands == Stands::Whole {
        let quote = quote(spot.depth);
        let around = range.start.checked_sub(quote.len()).zip(range.end.checked_add(quote.len()));
        if let Some((start, end)) = around {
            let is_quote = |part| message.get(part) == Some(quote.as_bytes());
            if is_quote(start..range.start) && is_quote(range.end..end) {
                return Splice { range: start..end, with: value.as_bytes().to_vec() };
            }
        }
    }
    Splice { range, with: written(value, spot.depth).into_bytes() }
}
