//! Tables in a text: what the head of a column says of what stands below it.
//!
//! `1984-03-12` is a date; below `date_of_birth` it is somebody's. In a table that word stands once, and far away: in the
//! first line of a CSV file or of Markdown's table, in the column list of an INSERT, in the first of JSON's arrays.

use std::ops::Range;

/// A head is no longer,
const HEAD_BYTES_MAX: usize = 2048;
/// a column's name neither,
const NAME_BYTES_MAX: usize = 48;
/// and a row neither.
const ROW_BYTES_MAX: usize = 16 << 10;
/// Between a head and its rows there is no more, where both are arrays.
const BETWEEN_BYTES_MAX: usize = 32;

/// A table, by the places of its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    form: Form,
    /// Each column's name.
    pub(crate) columns: Vec<Range<usize>>,
    /// Where the rows begin.
    rows: usize,
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

/// Whether a word stands as a column's name does: between separators, with nothing but a name around it.
pub(crate) fn may_be_head(text: &[u8], word: Range<usize>) -> bool {
    let before = text.get(word.start.saturating_sub(NAME_BYTES_MAX)..word.start);
    let behind = text.get(word.end..(word.end + NAME_BYTES_MAX).min(text.len()));
    let ends = |byte: &&u8| !is_name(**byte) && !matches!(**byte, b'"' | b'\'' | b'`' | b'\\');
    let left = before.unwrap_or_default().iter().rfind(ends);
    let right = behind.unwrap_or_default().iter().find(ends);
    let parts = |byte: &u8| matches!(byte, b',' | b';' | b'|' | b'\t');
    let closes = |byte: &u8| parts(byte) || matches!(byte, b')' | b']' | b'\n' | b'\r');
    // Where the first or the last of them stands there is a separator on one side only.
    right.is_some_and(closes) && (right.is_some_and(parts) || left.is_some_and(parts))
}

impl Table {
    /// The table in whose head a place is.
    pub(crate) fn at(text: &[u8], at: usize) -> Option<Self> {
        Self::of_tuples(text, at).or_else(|| Self::of_lines(text, at))
    }

    fn of_lines(text: &[u8], at: usize) -> Option<Self> {
        let before = text.get(at.saturating_sub(HEAD_BYTES_MAX)..at)?;
        let base = at - before.len();
        let start = memchr::memrchr(b'\n', before).map_or(base, |newline| base + newline + 1);
        // In JSON that was not taken apart a text begins behind its key.
        let key = text.get(start..at)?;
        let behind = |quote: &[u8]| {
            memchr::memmem::rfind(key, quote).map(|found| start + found + quote.len())
        };
        let key = behind(b":\"").max(behind(b": \""));
        let (start, quoted) = (key.unwrap_or(start), key.is_some());
        let head = start..line_end(text, start, HEAD_BYTES_MAX)?;
        let next = head.end + 1;
        let below = next..line_end(text, next, ROW_BYTES_MAX).unwrap_or(text.len());
        let line = text.get(below.clone())?;
        if is_rule(line) {
            let columns = names(text, fields(text, head, b'|'), true)?;
            let form = Form::Lines { separator: b'|', quoted };
            return Some(Self { form, columns, rows: (below.end + 1).min(text.len()) });
        }
        b"\t,;|".iter().find_map(|separator| {
            let there = memchr::memchr(*separator, text.get(head.clone())?).is_some();
            let all = there.then(|| fields(text, head.clone(), *separator))?;
            let columns = names(text, all, false).filter(|all| all.len() > 1)?;
            let row = ended(text, below.clone(), quoted);
            if fields(text, row, *separator).len() != columns.len() {
                return None;
            }
            Some(Self { form: Form::Lines { separator: *separator, quoted }, columns, rows: next })
        })
    }

    /// The same where rows are between brackets.
    pub(crate) fn of_tuples(text: &[u8], at: usize) -> Option<Self> {
        let before = text.get(at.saturating_sub(HEAD_BYTES_MAX)..at)?;
        let bracket = |byte: &u8| matches!(byte, b'(' | b'[' | b')' | b']' | b'{' | b'}' | b';');
        let opened = at - before.len() + before.iter().rposition(bracket)?;
        let (open, close) = match text.get(opened)? {
            b'(' => (b'(', b')'),
            b'[' => (b'[', b']'),
            _ => return None,
        };
        let (columns, end) = tuple(text, opened, close)?;
        let columns = names(text, columns, false).filter(|columns| columns.len() > 1)?;
        let rest = text.get(end..)?;
        let skipped = if open == b'(' {
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let word = rest.get(blanks..blanks + 6)?;
            word.eq_ignore_ascii_case(b"values").then_some(blanks + 6)?
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
        Some(Self { form: Form::Tuples { open, close }, columns, rows: end + skipped })
    }

    /// Tells each row's cells, without their quotes, one for each column; where the table ends.
    pub(crate) fn rows<E>(
        &self,
        text: &[u8],
        mut row: impl FnMut(&[Range<usize>]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut at = self.rows;
        while let Some((cells, end)) = self.row(text, at) {
            if cells.len() != self.columns.len() {
                break;
            }
            let cells: Vec<_> = cells.into_iter().map(|cell| trimmed(text, cell)).collect();
            row(&cells)?;
            at = end;
        }
        Ok(at)
    }

    fn row(&self, text: &[u8], at: usize) -> Option<(Vec<Range<usize>>, usize)> {
        match self.form {
            Form::Lines { separator, quoted } => {
                if at >= text.len() {
                    return None;
                }
                let most = (at + ROW_BYTES_MAX).min(text.len());
                let end = line_end(text, at, ROW_BYTES_MAX).unwrap_or(most);
                Some((fields(text, ended(text, at..end, quoted), separator), end + 1))
            }
            Form::Tuples { open, close } => {
                let rest = text.get(at..)?;
                let between = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
                let at = at + rest.iter().take_while(between).count();
                (text.get(at) == Some(&open)).then(|| tuple(text, at, close))?
            }
        }
    }
}

/// Where a line ends, if it is no longer than that.
fn line_end(text: &[u8], start: usize, most: usize) -> Option<usize> {
    let line = text.get(start..text.len().min(start + most))?;
    memchr::memchr(b'\n', line).map(|at| start + at)
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
    let parts = line.contains(&b'|') || line.contains(&b'+');
    parts && line.contains(&b'-') && line.iter().all(rule)
}

/// What stands between separators, quotes kept together.
fn fields(text: &[u8], line: Range<usize>, separator: u8) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let (mut start, mut quoted) = (line.start, false);
    for (at, byte) in text.get(line.clone()).unwrap_or_default().iter().enumerate() {
        let at = line.start + at;
        if *byte == b'"' && separator != b'|' {
            quoted = !quoted;
        } else if *byte == separator && !quoted {
            all.push(start..at);
            start = at + 1;
        }
    }
    all.push(start..line.end);
    all
}

/// What stands between a bracket and its end, and where that is.
fn tuple(text: &[u8], open: usize, close: u8) -> Option<(Vec<Range<usize>>, usize)> {
    let mut all = Vec::new();
    let mut start = open + 1;
    let mut at = start;
    let (mut quote, mut depth) = (None, 0_usize);
    let end = text.len().min(open + ROW_BYTES_MAX);
    while at < end {
        let byte = *text.get(at)?;
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, _) if byte == close && depth == 0 => {
                all.push(start..at);
                return Some((all, at + 1));
            }
            (None, b')' | b']' | b'}') => depth = depth.checked_sub(1)?,
            (None, b',') if depth == 0 => {
                all.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Without blanks and quotes.
fn trimmed(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let bytes = text.get(cell.clone()).unwrap_or_default();
    let blank = |byte: &u8| !byte.is_ascii_whitespace();
    let Some(first) = bytes.iter().position(blank) else { return cell.start..cell.start };
    let last = bytes.iter().rposition(blank).unwrap_or(first);
    let quote = |at: usize| bytes.get(at).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if last > first && quote(first).is_some() && quote(first) == quote(last) {
        return cell.start + first + 1..cell.start + last;
    }
    cell.start + first..cell.start + last + 1
}

/// Columns' names, if all of them are such.
fn names(text: &[u8], all: Vec<Range<usize>>, empty: bool) -> Option<Vec<Range<usize>>> {
    let all: Vec<_> = all.into_iter().map(|one| trimmed(text, one)).collect();
    let named = |one: &Range<usize>| {
        let name = text.get(one.clone()).unwrap_or_default();
        let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        name.is_empty() && empty
            || name.len() <= NAME_BYTES_MAX
                && name.iter().all(|byte| is_name(*byte))
                && name.iter().any(letter)
    };
    all.iter().all(named).then_some(all)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_- ./#*?&".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells of the column that a word names, of the table in whose head it is.
    fn column<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
        let at = text.find(word).expect("it is there");
        let Some(table) = Table::at(text.as_bytes(), at) else { return Vec::new() };
        assert!(may_be_head(text.as_bytes(), at..at + word.len()), "{text}");
        let number = table.columns.iter().position(|one| one.contains(&at)).expect("a column");
        let mut all = Vec::new();
        let told = table.rows(text.as_bytes(), |cells| {
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
        assert_eq!(column(sql, "dob"), ["1984-03-12", "DATE('1990-01-02')"]);
        let arrays = r#"[["id","dob"],[1,"1984-03-12"],[2,null]]"#;
        assert_eq!(column(arrays, "dob"), ["1984-03-12", "null"]);
        let apart = r#"{"columns":["id","dob"],"rows":[[1,"1984-03-12"],[2,"1990-01-02"]]}"#;
        assert_eq!(column(apart, "dob"), ["1984-03-12", "1990-01-02"]);
        let string = "{\"n\":1,\"text\":\"id\tdob\n1\t1984-03-12\n2\t1990-01-02\"}]}";
        assert_eq!(column(string, "dob"), ["1984-03-12", "1990-01-02"]);
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
        ] {
            let word = if text.contains("dob") { "dob" } else { "phone" };
            assert_eq!(column_or_none(text, word), Vec::<String>::new(), "{text}");
        }
        assert!(!may_be_head(br#"{"a":1,"dob":"1984"}"#, 8..11), "a key is no head");
    }

    fn column_or_none(text: &str, word: &str) -> Vec<String> {
        let at = text.find(word).expect("it is there");
        let Some(table) = Table::at(text.as_bytes(), at) else { return Vec::new() };
        let mut all = Vec::new();
        let told = table.rows(text.as_bytes(), |cells| {
            all.extend(cells.iter().map(|cell| text[cell.clone()].to_owned()));
            Ok::<(), ()>(())
        });
        told.expect("no error");
        all
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[a-c,;|\"'()\\[\\]\n\t -]{0,80}", at in 0_usize..80) {
            if let Some(table) = Table::at(text.as_bytes(), at.min(text.len())) {
                let told = table.rows(text.as_bytes(), |cells| {
                    assert!(cells.iter().all(|cell| cell.end <= text.len()));
                    Ok::<(), ()>(())
                });
                proptest::prop_assert!(told.is_ok());
            }
        }
    }
}
