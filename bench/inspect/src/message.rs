//! Messages as servers answer with them: `tools/call` results of a size, filled up with pieces.

use std::borrow::Cow;
use std::ops::Range;

use anyhow::{Result, bail};
use penstock_inspect::{Finding, Form, Inspector, Scratch};

use crate::random::Random;
use crate::stock::{Piece, Shelf, Stock};

/// Before and behind the text of an answer.
const TEXT: [&str; 2] =
    [r#"{"jsonrpc":"2.0","id":48151,"result":{"content":[{"type":"text","text":""#, r#""}]}}"#];
/// What stands around records: a text that says the same comes first, for clients that read nothing else.
const RECORDS: [&str; 3] = [
    r#"{"jsonrpc":"2.0","id":48151,"result":{"content":[{"type":"text","text":"{\"items\":["#,
    r#"]}"}],"structuredContent":{"items":["#,
    "]}}}",
];
/// Between two texts, and between two records.
const BETWEEN: [&str; 2] = ["\\n", ","];
/// How often a piece is drawn again that is too long for the room that is left.
const DRAWS: usize = 32;
/// Less room is left empty.
const ROOM_MIN: usize = 16;
/// How often a message is looked into until nothing is found in it.
const CLEANINGS: usize = 500;

/// Messages of one size.
pub(crate) struct Messages {
    pub(crate) all: Vec<Vec<u8>>,
    pub(crate) pieces: usize,
    /// Pieces that hold something to be found.
    pub(crate) hits: usize,
}

impl Messages {
    /// So many of at most `size` bytes, with something to be found in so many pieces of a thousand. Where that is
    /// none, in none of them is anything found.
    pub(crate) fn make(
        stock: &Stock,
        inspector: &Inspector,
        seed: u64,
        (size, count): (usize, usize),
        per_mille: usize,
    ) -> Result<Self> {
        let mut scratch = inspector.scratch()?;
        let mut made = Self { all: Vec::with_capacity(count), pieces: 0, hits: 0 };
        for number in 0..count {
            let number = u64::try_from(number)?;
            let mut random = Random::of(seed ^ u64::try_from(size)?, number);
            let Some(shelf) = stock.shelf(&mut random) else { bail!("there are no pieces") };
            // Of its own: else a hit would change all that comes behind it.
            let hits = Random::of(!seed ^ u64::try_from(size)?, number);
            let shelf = Some(shelf);
            let mut draft =
                Draft { stock, shelf, size, per_mille, random, hits, parts: Vec::new() };
            draft.fill()?;
            if per_mille == 0 {
                draft.clean(inspector, &mut scratch)?;
            }
            made.pieces += draft.parts.len();
            made.hits += draft.parts.iter().filter(|part| part.hit).count();
            made.all.push(draft.written().0);
        }
        Ok(made)
    }

    /// A text of all that tools answer with, of at most so many bytes in JSON, in which nothing is found.
    pub(crate) fn text(
        stock: &Stock,
        inspector: &Inspector,
        seed: u64,
        size: usize,
    ) -> Result<String> {
        let (random, hits) = (Random::of(seed, 0), Random::of(!seed, 0));
        let mut draft =
            Draft { stock, shelf: None, size, per_mille: 0, random, hits, parts: Vec::new() };
        draft.fill()?;
        draft.clean(inspector, &mut inspector.scratch()?)?;
        let texts: Vec<&str> = draft.parts.iter().map(|part| part.piece.text.as_str()).collect();
        Ok(texts.join("\n"))
    }

    /// Bytes of all messages.
    pub(crate) fn bytes(&self) -> usize {
        self.all.iter().map(Vec::len).sum()
    }
}

/// A message that is being made.
struct Draft<'a> {
    stock: &'a Stock,
    /// None where each piece is of another.
    shelf: Option<&'a Shelf>,
    size: usize,
    per_mille: usize,
    random: Random,
    hits: Random,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    piece: Cow<'a, Piece>,
    hit: bool,
}

impl Draft<'_> {
    /// Whether it holds records by themselves.
    fn has_records(&self) -> bool {
        self.shelf.is_some_and(|shelf| shelf.records)
    }

    /// Adds pieces as long as there is room.
    fn fill(&mut self) -> Result<()> {
        let between = if self.has_records() { 2 * BETWEEN[1].len() } else { BETWEEN[0].len() };
        let mut room = self.size.saturating_sub(self.written().0.len() + between);
        while room >= ROOM_MIN {
            let before = self.parts.len();
            self.add(room)?;
            let Some(part) = self.parts.get(before) else { break };
            room = room.saturating_sub(part.piece.bytes(self.has_records()) + between);
        }
        Ok(())
    }

    /// One piece that fits, if there is one.
    fn add(&mut self, room: usize) -> Result<()> {
        let records = self.has_records();
        let fits = |piece: &&Piece| piece.bytes(records) <= room;
        if self.hits.below(1000) < self.per_mille {
            let mut drawn = (0..DRAWS).filter_map(|_| self.hits.pick(&self.stock.hits));
            if let Some(piece) = drawn.find(fits) {
                self.parts.push(Part { piece: Cow::Borrowed(piece), hit: true });
                return Ok(());
            }
        }
        let source = self.shelf.or_else(|| self.stock.shelf(&mut self.random));
        let pieces = source.map(|shelf| shelf.pieces.as_slice()).unwrap_or_default();
        if records {
            let mut drawn = (0..DRAWS).filter_map(|_| self.random.pick(pieces));
            let piece = drawn.find(fits);
            self.parts.extend(piece.map(|piece| Part { piece: Cow::Borrowed(piece), hit: false }));
        } else if let Some(piece) = self.random.pick(pieces) {
            // The last one ends where the message does.
            let piece =
                if fits(&piece) { Cow::Borrowed(piece) } else { Cow::Owned(piece.cut(room)?) };
            self.parts.push(Part { piece, hit: false });
        }
        Ok(())
    }

    /// Puts others in the place of pieces in which something is found together with their neighbours.
    fn clean(&mut self, inspector: &Inspector, scratch: &mut Scratch) -> Result<()> {
        for _ in 0..CLEANINGS {
            let (message, places) = self.written();
            let found = inspector.scan(&message, Form::Json, scratch)?;
            if found.is_empty() {
                return Ok(());
            }
            let found: Vec<Range<usize>> = found.iter().map(Finding::source).collect();
            let meets = |at: usize| {
                let meet = |(part, place): &(usize, Range<usize>)| {
                    *part == at
                        && found.iter().any(|one| one.start < place.end && place.start < one.end)
                };
                places.iter().any(meet)
            };
            let before = self.parts.len();
            let mut at = 0..;
            self.parts.retain(|_| at.next().is_none_or(|at| !meets(at)));
            // What is met by none stands between two.
            if self.parts.len() == before {
                self.parts.pop();
            }
            self.fill()?;
        }
        bail!("something is found in each message of {} bytes that was made", self.size)
    }

    /// The message, and where in it each part stands.
    fn written(&self) -> (Vec<u8>, Vec<(usize, Range<usize>)>) {
        let mut out = String::with_capacity(self.size);
        let mut places = Vec::new();
        let mut joined = |out: &mut String, between: &str, of: fn(&Piece) -> &str| {
            for (index, part) in self.parts.iter().enumerate() {
                out.push_str(if index > 0 { between } else { "" });
                let start = out.len();
                out.push_str(of(&part.piece));
                places.push((index, start..out.len()));
            }
        };
        if self.has_records() {
            let [first, second, last] = RECORDS;
            out.push_str(first);
            joined(&mut out, BETWEEN[1], |piece| &piece.escaped_record);
            out.push_str(second);
            joined(&mut out, BETWEEN[1], |piece| &piece.record);
            out.push_str(last);
        } else {
            let [first, last] = TEXT;
            out.push_str(first);
            joined(&mut out, BETWEEN[0], |piece| &piece.escaped);
            out.push_str(last);
        }
        (out.into_bytes(), places)
    }
}

impl Piece {
    /// What it takes of a message.
    fn bytes(&self, as_record: bool) -> usize {
        if as_record { self.record.len() + self.escaped_record.len() } else { self.escaped.len() }
    }

    /// So much of it that it takes no more than `room` bytes in a string.
    fn cut(&self, room: usize) -> Result<Self> {
        let mut end = room.min(self.text.len());
        loop {
            end = self.text.floor_char_boundary(end);
            let piece = Self::new(self.text.get(..end).unwrap_or_default().to_owned())?;
            match piece.escaped.len().checked_sub(room) {
                None | Some(0) => return Ok(piece),
                // An escape takes six bytes at most.
                Some(more) => end = end.saturating_sub(more.div_ceil(6).max(1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use penstock_inspect::{EngineKind, Limits, RuleSet};
    use serde_json::Value;

    use super::*;

    static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| {
        let rules = RuleSet::built_in().unwrap();
        Inspector::new(rules, EngineKind::BEST, Limits::default()).unwrap()
    });
    static STOCK: LazyLock<Stock> = LazyLock::new(|| Stock::new(&INSPECTOR).unwrap());

    fn make(size: usize, per_mille: usize) -> Messages {
        Messages::make(&STOCK, &INSPECTOR, 1, (size, 40), per_mille).unwrap()
    }

    #[test]
    fn a_message_is_json_of_nearly_its_size() {
        for size in [512, 4096, 65_536] {
            for message in make(size, 100).all {
                let value: Value = serde_json::from_slice(&message).unwrap();
                assert!(value.pointer("/result/content/0/text").is_some_and(Value::is_string));
                assert!(message.len() <= size, "{} of {size}", message.len());
                // Of records none may be short enough for what is left.
                assert!(message.len() + 1500 > size, "{} of {size}", message.len());
            }
        }
    }

    #[test]
    fn records_are_told_twice() {
        let whole = |message: &Vec<u8>| -> Value { serde_json::from_slice(message).unwrap() };
        let all = make(4096, 100).all;
        let records =
            all.iter().map(whole).filter(|one| one.pointer("/result/structuredContent").is_some());
        let mut count = 0;
        for message in records {
            let text = message.pointer("/result/content/0/text").and_then(Value::as_str).unwrap();
            let text: Value = serde_json::from_str(text).unwrap();
            assert_eq!(Some(&text), message.pointer("/result/structuredContent"));
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn nothing_is_found_where_no_piece_holds_anything_and_much_where_all_do() {
        let mut scratch = INSPECTOR.scratch().unwrap();
        let mut found = |messages: &Messages| -> usize {
            let scan = |message: &Vec<u8>| {
                INSPECTOR.scan(message, Form::Json, &mut scratch).unwrap().len()
            };
            messages.all.iter().map(scan).sum()
        };
        let (none, all) = (make(4096, 0), make(4096, 1000));
        assert_eq!((found(&none), none.hits), (0, 0));
        assert!(
            found(&all) >= all.hits && all.hits * 2 > all.pieces,
            "{} {}",
            all.hits,
            all.pieces
        );
    }

    #[test]
    fn nothing_is_found_in_a_text_of_everything() {
        let text = Messages::text(&STOCK, &INSPECTOR, 1, 20_000).unwrap();
        let escaped = serde_json::to_string(&text).unwrap();
        let mut scratch = INSPECTOR.scratch().unwrap();
        let found = INSPECTOR.scan(escaped.as_bytes(), Form::Json, &mut scratch).unwrap();
        assert!(found.is_empty() && (18_000..20_000).contains(&escaped.len()), "{}", escaped.len());
    }

    #[test]
    fn the_seed_decides_what_they_are() {
        let made = |seed| Messages::make(&STOCK, &INSPECTOR, seed, (512, 4), 100).unwrap().all;
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn a_piece_is_cut_where_its_escapes_allow() {
        let piece = Piece::new("é\n\n\"\"ab\u{1}".to_owned()).unwrap();
        for room in 0..20 {
            let cut = piece.cut(room).unwrap();
            assert!(cut.escaped.len() <= room && piece.text.starts_with(&cut.text));
            assert!(cut.escaped.len() + 6 > room.min(piece.escaped.len()), "{room}");
        }
    }
}
