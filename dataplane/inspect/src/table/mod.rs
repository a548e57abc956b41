//! Tables in a text: what the head of a column says of what stands below it.
//!
//! `1984-03-12` is a date; below `date_of_birth` it is somebody's. In a table that word stands once, and far away: in
//! the first line of a CSV file or of Markdown's table, in the column list of an INSERT, in the first of JSON's arrays.

mod cells;

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use self::cells::{CELL_BYTES_MAX, Row, fields, head, is_name, literal, names, trimmed, tuple};

/// A head is no longer,
const HEAD_BYTES_MAX: usize = 2048;
/// and a row neither.
const ROW_BYTES_MAX: usize = 16 << 10;
/// Between a head and its rows there is no more, where both are arrays.
const BETWEEN_BYTES_MAX: usize = 32;

/// A table, by the places of its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    form: Form,
    /// Where its head begins.
    start: usize,
    /// Each column's name.
    pub(crate) columns: Vec<Range<usize>>,
    /// Where the rows begin,
    rows: usize,
    /// and no row goes over this.
    end: usize,
}

impl Table {
    /// All that is before the rows.
    pub(crate) fn head(&self) -> Range<usize> {
        self.start..self.rows
    }
}

/// The tables of a text, asked for by places in their heads, in order. Nothing is looked at again for the next that was
/// for the one before.
pub(crate) struct Tables<'t> {
    text: &'t [u8],
    /// Up to where these are known:
    seen: usize,
    /// the last bracket, if it is near,
    bracket: Option<usize>,
    /// and where the line begins, or behind the last key or bracket on it a string.
    begin: usize,
    is_string: bool,
    /// The last bracket, and the last beginning of a line, at which no head is.
    none: [Option<usize>; 2],
    /// Brackets that are not closed before a row is too long.
    open: Vec<usize>,
    /// Before this no quote is taken for one that is closed on another line.
    unclosed: usize,
    /// Bytes that were looked at since somebody asked.
    walked: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A line a row.
    Lines {
        separator: u8,
        /// Whether the text is a string of JSON that was not taken apart, and ends with it.
        quoted: bool,
    },
    /// Rows between these brackets.
    Tuples { open: u8, close: u8 },
}

/// Where a name is in what was sought, which may be a word with the separator beside it.
pub(crate) fn name_in(text: &[u8], sought: Range<usize>) -> Option<usize> {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    Some(sought.start + text.get(sought)?.iter().rposition(letter)?)
}

/// Whether a place is in what stands as a column's name does: between separators, with nothing but a name around it.
pub(crate) fn may_be_head(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(CELL_BYTES_MAX)..at);
    let behind = text.get(at..at.saturating_add(CELL_BYTES_MAX).min(text.len()));
    let ends = |byte: &u8| !is_name(*byte) && !b"\"'`\\:".contains(byte);
    let (before, behind) = (before.unwrap_or_default(), behind.unwrap_or_default());
    let left = before.iter().rev().find(|byte| ends(byte));
    let mut length = behind.iter().position(ends);
    // A name may have more to say in brackets.
    if length.and_then(|length| behind.get(length)) == Some(&b'(') {
        let closed = memchr(b')', behind);
        let rest =
            closed.and_then(|at| Some((at, behind.get(at..)?.iter().skip(1).position(ends)?)));
        length = rest.map(|(at, more)| at + 1 + more);
    }
    let right = length.and_then(|length| behind.get(length));
    // What says something is no head.
    let says = [&b"\":"[..], b"':", b": "];
    let name = behind.get(..length.unwrap_or(0)).unwrap_or_default();
    if memchr(b':', name).is_some() && says.iter().any(|says| memmem::find(name, says).is_some()) {
        return false;
    }
    let parts = |byte: &u8| matches!(byte, b',' | b';' | b'|' | b'\t');
    let closes = |byte: &u8| parts(byte) || matches!(byte, b')' | b']' | b'\n' | b'\r');
    // Where the first or the last of them stands there is a separator on one side only.
    right.is_some_and(closes) && (right.is_some_and(parts) || left.is_some_and(parts))
}

impl<'t> Tables<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            seen: 0,
            bracket: None,
            begin: 0,
            is_string: false,
            none: [None; 2],
            open: Vec::new(),
            unclosed: 0,
            walked: 0,
        }
    }

    /// What looking for them took, since it was asked for.
    pub(crate) fn walked(&mut self) -> usize {
        std::mem::take(&mut self.walked)
    }

    /// The table within a part of the text in whose head a place is.
    pub(crate) fn at(&mut self, part: &Range<usize>, at: usize) -> Option<Table> {
        self.of_tuples(part, at).or_else(|| self.of_lines(part, at))
    }

    /// What stands before a place, as far as a head may.
    fn see(&mut self, at: usize) {
        let text = self.text.get(..at).unwrap_or_default();
        let first = self.seen.max(at.saturating_sub(HEAD_BYTES_MAX));
        let (mut bracket, mut begin) = (None, None);
        for (place, byte) in text.iter().enumerate().skip(first).rev() {
            self.walked += 1;
            match byte {
                b'\n' | b'\r' => begin = begin.or(Some((place + 1, false))),
                b'(' | b'[' | b')' | b']' | b'{' | b'}' | b';' => bracket = bracket.or(Some(place)),
                b'"' if begin.is_none() => {
                    let before = text.get(..place).unwrap_or_default();
                    let is_string =
                        [&b":"[..], b": ", b"["].iter().any(|end| before.ends_with(end));
                    begin = is_string.then_some((place + 1, true));
                }
                _ => continue,
            }
            if bracket.is_some() && begin.is_some() {
                break;
            }
        }
        self.bracket = bracket.or(self.bracket);
        (self.begin, self.is_string) = begin.unwrap_or((self.begin, self.is_string));
        self.seen = self.seen.max(at);
    }

    fn of_lines(&mut self, part: &Range<usize>, at: usize) -> Option<Table> {
        self.see(at);
        // In JSON that was not taken apart a text begins behind its key, or its bracket.
        let start = self.begin.max(part.start);
        let quoted = self.is_string && self.begin >= part.start;
        let [_, none] = &mut self.none;
        if at.checked_sub(start)? > HEAD_BYTES_MAX || none.replace(start) == Some(start) {
            return None;
        }
        let text = self.text.get(..part.end)?;
        let head = start..line_end(text, start, HEAD_BYTES_MAX)?;
        let next = head.end + 1;
        let below = next..line_end(text, next, ROW_BYTES_MAX).unwrap_or(text.len());
        let line = text.get(of_quote(text, below.clone()))?;
        self.walked += head.len();
        let head = of_quote(text, head);
        if let Some(columns) = names(text, fields(text, head.clone(), b'|'))
            && is_rule(line)
        {
            let form = Form::Lines { separator: b'|', quoted };
            let rows = (below.end + 1).min(text.len());
            return Some(Table { form, start, columns, rows, end: part.end });
        }
        for separator in *b"\t,;|" {
            if memchr(separator, text.get(head.clone())?).is_none() {
                continue;
            }
            let columns = names(text, fields(text, head.clone(), separator));
            // A comma at the end is rather one of code.
            let says = |all: &Vec<Range<usize>>| {
                let named = all.iter().filter(|name| !name.is_empty()).count() > 1;
                named && (separator == b'|' || all.last().is_some_and(|name| !name.is_empty()))
            };
            let Some(columns) = columns.filter(says) else { continue };
            let row = next..self.row_end(text, next, separator);
            let row = ended(text, of_quote(text, row), quoted);
            if fields(text, row, separator).count() == columns.len() {
                let form = Form::Lines { separator, quoted };
                return Some(Table { form, start, columns, rows: next, end: part.end });
            }
        }
        None
    }

    /// The same where rows are between brackets.
    pub(crate) fn of_tuples(&mut self, part: &Range<usize>, at: usize) -> Option<Table> {
        self.see(at);
        let opened = self.bracket.filter(|opened| *opened >= part.start)?;
        let text = self.text.get(..part.end)?;
        let (open, close) = match text.get(opened)? {
            b'(' => (b'(', b')'),
            b'[' => (b'[', b']'),
            _ => return None,
        };
        let [none, _] = &mut self.none;
        if at.checked_sub(opened)? > HEAD_BYTES_MAX || none.replace(opened) == Some(opened) {
            return None;
        }
        let (columns, mut end) = head(text, opened, close, &mut self.walked)?;
        let mut form = Form::Tuples { open, close };
        if open == b'[' {
            let index = index(text, end);
            self.walked += index;
            end += index;
        }
        let rest = text.get(end..)?;
        let skipped = if open == b'(' {
            let words = rest.get(..rest.len().min(BETWEEN_BYTES_MAX))?.to_ascii_lowercase();
            let blanks = words.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let words = words.get(blanks..)?;
            if words.starts_with(b"values") {
                blanks + b"values".len()
            } else {
                // PostgreSQL's `COPY`.
                words.starts_with(b"from stdin").then_some(())?;
                form = Form::Lines { separator: b'\t', quoted: false };
                line_end(text, end, BETWEEN_BYTES_MAX)? + 1 - end
            }
        } else {
            let rest = rest.get(..rest.len().min(BETWEEN_BYTES_MAX))?;
            let between = |byte: &&u8| {
                byte.is_ascii_alphabetic()
                    || byte.is_ascii_whitespace()
                    || matches!(byte, b',' | b'"' | b':' | b'_' | b'[')
            };
            // To the last bracket: rows may be in an array of their own.
            let between = rest.iter().take_while(between).count();
            rest.get(..between)?.iter().rposition(|byte| *byte == b'[')?
        };
        Some(Table { form, start: opened, columns, rows: end + skipped, end: part.end })
    }

    /// Tells each row's cells, without their quotes, one for each column; where the table ends.
    pub(crate) fn rows<E>(
        &mut self,
        table: &Table,
        mut row: impl FnMut(&[Range<usize>]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut at = table.rows;
        while let Some((cells, end)) = self.row(table, at) {
            if cells.len() != table.columns.len() {
                break;
            }
            let sql = matches!(table.form, Form::Tuples { open: b'(', .. });
            let said = if sql { literal } else { trimmed };
            let cells: Vec<_> = cells.into_iter().map(|cell| said(self.text, cell)).collect();
            row(&cells)?;
            at = end;
        }
        Ok(at)
    }

    /// Where the last of a table's rows ends that is before a place; `None` where the table is.
    pub(crate) fn rows_to(&mut self, table: &Table, place: usize) -> Option<usize> {
        let mut at = table.rows;
        loop {
            let (cells, end) = self.row(table, at)?;
            if cells.len() != table.columns.len() {
                return None;
            }
            if end > place {
                return Some(at);
            }
            at = end;
        }
    }

    /// Where a row of a line ends, or of several where a quoted cell goes over them.
    fn row_end(&mut self, text: &[u8], at: usize, separator: u8) -> usize {
        let most = (at + ROW_BYTES_MAX).min(text.len());
        let end_of = |from: usize| line_end(text, from, most - from).unwrap_or(most);
        let line = end_of(at);
        let (mut row, mut from, mut end) = (Row::new(separator), at, line);
        loop {
            for byte in text.get(from..end).unwrap_or_default() {
                row.ends(*byte);
            }
            self.walked += end - from;
            if !row.open || at < self.unclosed {
                return end;
            }
            if end == most {
                self.unclosed = most;
                return line;
            }
            (from, end) = (end, end_of(end + 1));
        }
    }

    fn row(&mut self, table: &Table, at: usize) -> Option<(Vec<Range<usize>>, usize)> {
        let text = self.text.get(..table.end)?;
        match table.form {
            Form::Lines { separator, quoted } => {
                if at >= text.len() {
                    return None;
                }
                let end = self.row_end(text, at, separator);
                let row = ended(text, of_quote(text, at..end), quoted);
                Some((fields(text, row, separator).collect(), end + 1))
            }
            Form::Tuples { open, close } => {
                let rest = text.get(at..)?;
                let between = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
                let at = at + rest.iter().take_while(between).count();
                if text.get(at) != Some(&open) || self.open.binary_search(&at).is_ok() {
                    return None;
                }
                let row = tuple(text, at, close, &mut self.walked);
                if let Err(open) = &row {
                    // Quotes may begin between them, so that another finds others.
                    self.open.extend(open);
                    self.open.sort_unstable();
                    self.open.dedup();
                }
                row.ok()
            }
        }
    }
}

/// Where a line ends, if it is no longer than that: at its `\n`, or at a `\r` that has none behind it.
fn line_end(text: &[u8], start: usize, most: usize) -> Option<usize> {
    let line = text.get(start..text.len().min(start + most))?;
    let at = start + memchr2(b'\n', b'\r', line)?;
    Some(at + usize::from(text.get(at..at + 2) == Some(b"\r\n")))
}

/// A line without the marks of a quote before it.
fn of_quote(text: &[u8], line: Range<usize>) -> Range<usize> {
    let bytes = text.get(line.clone()).unwrap_or_default();
    let marks = bytes.iter().take_while(|byte| matches!(byte, b'>' | b' ')).count();
    let quoted = bytes.iter().take(marks).any(|byte| *byte == b'>');
    if quoted { line.start + marks..line.end } else { line }
}

/// How much an array of names of rows takes that pandas puts between those of the columns and the rows.
fn index(text: &[u8], end: usize) -> usize {
    let most = |bytes: usize| text.get(end..text.len().min(end + bytes)).unwrap_or_default();
    let near = most(BETWEEN_BYTES_MAX);
    let Some(open) = memchr(b'[', near) else { return 0 };
    let word = near.iter().take(open).filter(|byte| !byte.is_ascii_whitespace());
    if !word.eq(b",\"index\":") {
        return 0;
    }
    memchr(b']', most(ROW_BYTES_MAX)).map_or(0, |at| at + 1)
}

/// A line up to where the string of JSON that it is in ends.
fn ended(text: &[u8], line: Range<usize>, quoted: bool) -> Range<usize> {
    let bytes = text.get(line.clone()).unwrap_or_default();
    let end = [&b"\"}"[..], b"\"]"].iter().filter_map(|end| memchr::memmem::find(bytes, end)).min();
    match end.filter(|_| quoted) {
        Some(end) => line.start..line.start + end,
        None => line,
    }
}

/// The line between a head and its rows in Markdown, and as clients of databases draw it.
fn is_rule(line: &[u8]) -> bool {
    let rule = |byte: &u8| matches!(byte, b'|' | b'-' | b'+' | b':' | b' ' | b'\t' | b'\r');
    let parts = || line.contains(&b'|') || line.contains(&b'+');
    line.iter().all(rule) && parts() && line.contains(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells of the column that a word names, of the table in whose head it is.
    fn column<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
        let at = text.find(word).expect("it is there");
        let mut tables = Tables::new(text.as_bytes());
        let Some(table) = tables.at(&(0..text.len()), at) else { return Vec::new() };
        assert!(may_be_head(text.as_bytes(), at), "{text}");
        let number = table.columns.iter().position(|one| one.contains(&at)).expect("a column");
        let mut all = Vec::new();
        let told = tables.rows(&table, |cells| {
            all.push(&text[cells[number].clone()]);
            Ok::<(), ()>(())
        });
        told.expect("no error");
        all
    }

    #[test]
    fn a_column_is_what_stands_below_its_name() {
        let csv = "see:\nid,full_name,dob\r\n1,\"Lee, Ann\",1984-03-12\r\n2,Jo,\"March 3, 1990\"\n\nend, of, it\n";
        assert_eq!(column(csv, "dob"), ["1984-03-12", "March 3, 1990"]);
        assert_eq!(column(csv, "full_name"), ["Lee, Ann", "Jo"]);
        let markdown = "| id | Date of birth |\n| --- | :--- |\n| 1 | 12.03.1984 |\n| 2 | |\n\nx\n";
        assert_eq!(column(markdown, "birth"), ["12.03.1984", ""]);
        let psql = " id | dob \n----+------------\n  1 | 1984-03-12\n  2 | 1990-01-02\n(2 rows)\n";
        assert_eq!(column(psql, "dob"), ["1984-03-12", "1990-01-02"]);
        let mysql = "+----+------------+\n| id | dob        |\n+----+------------+\n|  1 | 1984-03-12 |\n+----+------------+\n";
        assert_eq!(column(mysql, "dob"), ["1984-03-12"]);
        let sql = "INSERT INTO people (id, name, `dob`)\nVALUES (1, 'O''Neil, Al', '1984-03-12'),\n(2, NULL, DATE('1990-01-02'));";
        assert_eq!(column(sql, "dob"), ["1984-03-12", "1990-01-02"]);
        assert_eq!(column(sql, "name"), ["O''Neil, Al", "NULL"]);
        let arrays = r#"[["id","dob"],[1,"1984-03-12"],[2,null]]"#;
        assert_eq!(column(arrays, "dob"), ["1984-03-12", "null"]);
        let apart = r#"{"columns":["id","dob"],"rows":[[1,"1984-03-12"],[2,"1990-01-02"]]}"#;
        assert_eq!(column(apart, "dob"), ["1984-03-12", "1990-01-02"]);
        let string = "{\"n\":1,\"text\":\"id\tdob\n1\t1984-03-12\n2\t1990-01-02\"}]}";
        assert_eq!(column(string, "dob"), ["1984-03-12", "1990-01-02"]);
        let element = "x: {\"content\":[\"id,dob\n1,1984-03-12\n2,1990-01-02\"]}";
        assert_eq!(column(element, "dob"), ["1984-03-12", "1990-01-02"]);
        let more = "id,dob (y-m-d),name (full)\n1,1984-03-12,Lee\n";
        assert_eq!((column(more, "dob"), column(more, "name")), (vec!["1984-03-12"], vec!["Lee"]));
        let more = r#"[["id","dob (y-m-d)"],[1,"1984-03-12"]]"#;
        assert_eq!(column(more, "dob"), ["1984-03-12"]);
    }

    #[test]
    fn what_is_no_table_has_no_columns() {
        for text in [
            "name, dob and phone\nare asked for\n",
            "phone,",
            "id,dob\n1,2,3\n",
            "f(dob, phone) returns (1, 2)",
            r#"["dob","phone"]"#,
            "dob: 1984, x\n1, 2\n",
            ", dob\n, 1984\n",
            "\"dob\",\n\"1984\",\n",
            "\"id\", \"dob\",\n\"7\", \"1984\",\n",
        ] {
            let word = if text.contains("dob") { "dob" } else { "phone" };
            assert_eq!(column_or_none(text, word), Vec::<String>::new(), "{text}");
        }
        assert!(!may_be_head(br#"{"a":1,"dob":"1984"}"#, 8), "a key is no head");
    }

    fn column_or_none(text: &str, word: &str) -> Vec<String> {
        let at = text.find(word).expect("it is there");
        let mut tables = Tables::new(text.as_bytes());
        let Some(table) = tables.at(&(0..text.len()), at) else { return Vec::new() };
        let mut all = Vec::new();
        let told = tables.rows(&table, |cells| {
            all.extend(cells.iter().map(|cell| text[cell.clone()].to_owned()));
            Ok::<(), ()>(())
        });
        told.expect("no error");
        all
    }

    /// Of a text in which heads begin at each few bytes no part is looked at again and again.
    #[test]
    fn what_is_walked_grows_as_the_text_does() {
        for one in [
            "(dob,",
            "|dob",
            "[[\"dob\",",
            "(dob,\"",
            "('dob,\"",
            "\"k\":\"dob,",
            "dob,",
            "dob\t\n",
            "dob,x\n1,2,",
            "(dob,x)values(",
            "(dob,x)values('",
            "[\"dob\",\"x\"],[[",
            "dob|\n|-",
            "dob,x\n1,\"",
            "dob,x\n\"1,2\n",
            "[\"dob\",\"x\"],\"index\":[[",
            "(dob,x) from stdin;\n",
            "> dob,x\r> 1,2\r",
        ] {
            let text = one.repeat((64 << 10) / one.len());
            let mut tables = Tables::new(text.as_bytes());
            let mut read = 0;
            for (at, _) in text.match_indices("dob") {
                if at >= read
                    && let Some(table) = tables.at(&(0..text.len()), at)
                {
                    read = tables.rows(&table, |_| Ok::<(), ()>(())).expect("no error");
                }
            }
            let walked = tables.walked();
            assert!(walked <= 32 * text.len(), "{one:?}: {walked} of {}", text.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[a-c,;|\"'()\\[\\]\n\r\t >*\\\\:-]{0,80}", at in 0_usize..80) {
            let mut tables = Tables::new(text.as_bytes());
            if let Some(table) = tables.at(&(0..text.len()), at.min(text.len())) {
                let told = tables.rows(&table, |cells| {
                    assert!(cells.iter().all(|cell| cell.end <= text.len()));
                    Ok::<(), ()>(())
                });
                proptest::prop_assert!(told.is_ok());
            }
        }
    }
}
