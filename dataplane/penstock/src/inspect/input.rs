//! What is looked into: a file or stdin, as one message or a message a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use penstock_inspect::{Form, Limits};
use serde::de::IgnoredAny;

use crate::cli::InputForm;
use crate::exit::{Exit, Failure};

/// Names of files with a message a line end so.
const LINES: [&str; 2] = ["jsonl", "ndjson"];

/// A part of the input that is looked into at once.
pub(super) struct Message<'i> {
    /// As the file was named; `-` is stdin.
    pub(super) name: &'i str,
    pub(super) bytes: &'i [u8],
    pub(super) form: Form,
    /// What ends its line, and is not looked into.
    pub(super) end: &'i [u8],
    /// The line of the file that it begins with,
    pub(super) line: u64,
    /// and its first byte's place there.
    pub(super) offset: u64,
}

impl Message<'_> {
    /// Fails for what is no text that can be read as it is: nothing would be found in it, whatever it holds.
    pub(super) fn is_text(&self) -> Result<(), Failure> {
        let Some(at) = self.bytes.iter().position(|byte| *byte == 0) else { return Ok(()) };
        let message = format!(
            "{}: it has a zero at byte {}: it is UTF-16, compressed, or no text at all",
            self.name,
            self.offset.saturating_add(at as u64)
        );
        Err(Failure::new(Exit::Data, message).help(
            "`iconv -f UTF-16 -t UTF-8` or `gzip -dc` makes text of it; with `--form text` its bytes are looked into as \
             they are",
        ))
    }

    /// It could not be looked into whole.
    pub(super) fn failure(&self, why: &str) -> Failure {
        Failure::new(Exit::Data, format!("{}:{}: {why}", self.name, self.line))
            .help("nothing is said of it, nor of what stands behind it")
    }
}

/// A file or stdin.
pub(super) struct Input {
    name: String,
    reader: Box<dyn BufRead>,
    /// Read already.
    ahead: Vec<u8>,
    kind: Kind,
    bytes_max: usize,
    current: Vec<u8>,
    line: u64,
    offset: u64,
}

/// How the input becomes messages.
enum Kind {
    /// It is one, and has not been given yet.
    Whole(Form),
    /// Each line is one.
    Lines,
    /// It has been given.
    Done,
}

impl Input {
    pub(super) fn open(
        file: Option<&Path>,
        form: Option<InputForm>,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let (name, reader): (_, Box<dyn BufRead>) = match file {
            Some(path) if path != Path::new("-") => {
                let file = File::open(path).map_err(|error| unreadable(path, &error))?;
                (path.display().to_string(), Box::new(BufReader::new(file)))
            }
            None if io::stdin().is_terminal() => {
                return Err(Failure::new(
                    Exit::Usage,
                    "no FILE to look into, and stdin is a terminal",
                )
                .help("`penstock inspect FILE`; `penstock inspect -` reads what is typed"));
            }
            _ => ("-".to_owned(), Box::new(io::stdin().lock())),
        };
        let mut input = Self {
            name,
            reader,
            ahead: Vec::new(),
            kind: Kind::Done,
            bytes_max: limits.message_bytes,
            current: Vec::new(),
            line: 1,
            offset: 0,
        };
        let extension = file.and_then(Path::extension).and_then(|name| name.to_str());
        input.kind = match form {
            Some(InputForm::Jsonl) => Kind::Lines,
            None if extension.is_some_and(|name| LINES.contains(&name)) => Kind::Lines,
            Some(InputForm::Text) => input.whole(Some(Form::Text))?,
            Some(InputForm::Json) => match input.found_out()? {
                Kind::Lines => return Err(input.is_lines()),
                Kind::Whole(Form::Text) => input.is_json()?,
                kind => kind,
            },
            None => input.found_out()?,
        };
        Ok(input)
    }

    /// The next message, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Message<'_>>, Failure> {
        match self.kind {
            Kind::Done => Ok(None),
            Kind::Whole(form) => {
                self.kind = Kind::Done;
                Ok(Some(Message {
                    name: &self.name,
                    bytes: &self.ahead,
                    form,
                    end: b"",
                    line: 1,
                    offset: 0,
                }))
            }
            Kind::Lines => self.next_line(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Message<'_>>, Failure> {
        self.offset = self.offset.saturating_add(self.current.len() as u64);
        self.line += u64::from(!self.current.is_empty());
        self.current.clear();
        let mut source = self.ahead.as_slice().chain(&mut self.reader);
        let had = self.ahead.len();
        let read = line(&mut source, self.bytes_max, &mut self.current);
        read.map_err(|error| unreadable(Path::new(&self.name), &error))?;
        self.ahead.drain(..had.min(self.current.len()));
        let bytes = self.current.strip_suffix(b"\n").unwrap_or(&self.current);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() > self.bytes_max {
            return Err(self.too_long(self.line, "the line"));
        }
        let end = self.current.get(bytes.len()..).unwrap_or_default();
        Ok((!self.current.is_empty()).then(|| Message {
            name: &self.name,
            bytes,
            form: Form::of(bytes),
            end,
            line: self.line,
            offset: self.offset,
        }))
    }

    /// Lines where the first two that are not blank are JSON each; otherwise one message.
    fn found_out(&mut self) -> Result<Kind, Failure> {
        for _ in 0..2 {
            let start = self.ahead.len();
            while blank(self.ahead.get(start..).unwrap_or_default()) {
                let room = self.bytes_max.saturating_sub(self.ahead.len());
                let before = self.ahead.len();
                let read = line(&mut self.reader, room, &mut self.ahead);
                read.map_err(|error| unreadable(Path::new(&self.name), &error))?;
                if self.ahead.len() == before {
                    return self.whole(None);
                }
            }
            if Form::of(self.ahead.get(start..).unwrap_or_default()) == Form::Text {
                return self.whole(None);
            }
        }
        Ok(Kind::Lines)
    }

    /// Reads all that there is, of this form or of the one that it turns out to be.
    fn whole(&mut self, form: Option<Form>) -> Result<Kind, Failure> {
        let room = self.bytes_max.saturating_add(1).saturating_sub(self.ahead.len());
        let read = (&mut self.reader).take(room as u64).read_to_end(&mut self.ahead);
        read.map_err(|error| unreadable(Path::new(&self.name), &error))?;
        if self.ahead.len() > self.bytes_max {
            return Err(self.too_long(1, "the input").help(
                "give it in parts; JSON Lines (`--form jsonl`) are looked into line by line",
            ));
        }
        Ok(Kind::Whole(form.unwrap_or_else(|| Form::of(&self.ahead))))
    }

    /// The failure of what is said to be one document.
    fn is_lines(&self) -> Failure {
        let message = format!("{}: each of its first two lines is a JSON document", self.name);
        Failure::new(Exit::Data, message)
            .help("`--form jsonl` looks into each; `--form text` into all as one text")
    }

    /// What looks like text and is said to be one document may be one, as a number is. Anything else holds no values in
    /// which something would be found.
    fn is_json(&self) -> Result<Kind, Failure> {
        match serde_json::from_slice::<IgnoredAny>(&self.ahead) {
            Err(error) if !blank(&self.ahead) => {
                let said = error.to_string();
                let (what, _) = said.split_once(" at line ").unwrap_or((&said, ""));
                let (line, column) = (error.line(), error.column());
                let message = format!("{} is not JSON: {line}:{column} {what}", self.name);
                Err(Failure::new(Exit::Data, message)
                    .help("`--form text` looks into it as text; nothing was looked into"))
            }
            _ => Ok(Kind::Whole(Form::Json)),
        }
    }

    fn too_long(&self, line: u64, what: &str) -> Failure {
        let Self { name, bytes_max, .. } = self;
        let why = format!("{what} is longer than {bytes_max} bytes, which is the most that is");
        Failure::new(Exit::Data, format!("{name}:{line}: {why} looked into at once"))
    }
}

/// Appends a line with its end; of a longer one than is allowed, one byte more than that.
fn line(reader: &mut dyn BufRead, bytes_max: usize, line: &mut Vec<u8>) -> io::Result<usize> {
    // `\r\n` is not of it.
    reader.take(bytes_max.saturating_add(2) as u64).read_until(b'\n', line)
}

fn blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::of_io(error, Exit::NoInput, format!("cannot read {}: {error}", path.display()))
}
