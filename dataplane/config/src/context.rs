//! What every step of reading one file shares: the text, the problems found so far, and the
//! world outside the file.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Severity};
use crate::references::{self, Expect, Fault, Resolver};
use crate::source::Source;
use crate::yaml::{Kind, Node};

/// Problems reported of one file; who has more reads the first ones first.
const PROBLEMS_MAX: usize = 100;

/// Characters of an offending value that are shown.
const VALUE_CHARS_MAX: usize = 60;

pub(crate) struct Context<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) resolver: &'a dyn Resolver,
    origin: &'a Path,
    folder: PathBuf,
    findings: RefCell<Vec<Finding>>,
}

struct Finding {
    severity: Severity,
    span: Range<usize>,
    message: String,
    help: Option<String>,
    excerpt: bool,
}

/// A scalar with its references filled in.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The value: may be a secret, never shown.
    pub(crate) value: String,
    /// As the file writes it.
    pub(crate) written: String,
    pub(crate) span: Range<usize>,
}

impl Text {
    /// The value as it may be shown: as written, so that what a reference brought stays hidden.
    pub(crate) fn shown(&self) -> String {
        shown(&self.written)
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(text: &'a str, origin: &'a Path, resolver: &'a dyn Resolver) -> Self {
        let folder = origin.parent().unwrap_or(Path::new("")).to_path_buf();
        // A command may run in another folder, where a relative path would mean another file.
        let folder = std::path::absolute(folder.join(".")).unwrap_or(folder);
        Self { source: Source::new(text), resolver, origin, folder, findings: RefCell::default() }
    }

    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>, help: &str) {
        self.find(Severity::Error, span, message.into(), help, true);
    }

    pub(crate) fn warn(&self, span: &Range<usize>, message: impl Into<String>, help: &str) {
        self.find(Severity::Warning, span, message.into(), help, true);
    }

    /// An error in a value, with a fix that repeats the value: withheld where a reference brought it.
    pub(crate) fn reject(&self, text: &Text, message: impl Into<String>, help: &str) {
        let help =
            if text.value == text.written { help } else { "check what the reference brings" };
        self.error(&text.span, message, help);
    }

    /// An error on a line that may hold a secret.
    pub(crate) fn error_unseen(&self, span: &Range<usize>, message: String, help: &str) {
        self.find(Severity::Error, span, message, help, false);
    }

    fn find(
        &self,
        severity: Severity,
        span: &Range<usize>,
        message: String,
        help: &str,
        excerpt: bool,
    ) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        let finding = Finding { severity, span: span.clone(), message, help, excerpt };
        let mut findings = self.findings.borrow_mut();
        // An aliased value is read wherever it is used; it is wrong once.
        let known = |other: &Finding| other.span == *span && other.message == finding.message;
        if findings.len() < PROBLEMS_MAX && !findings.iter().any(known) {
            findings.push(finding);
        }
    }

    /// Whether no further problem will be reported, so that none need be looked into.
    pub(crate) fn is_full(&self) -> bool {
        self.findings.borrow().len() >= PROBLEMS_MAX
    }

    pub(crate) fn failed(&self) -> bool {
        self.findings.borrow().iter().any(|finding| finding.severity == Severity::Error)
    }

    /// All that was found, in the order of the file.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| finding.span.start);
        let problem = |finding: Finding| {
            let (line, column) = self.source.place(finding.span.start);
            Problem {
                severity: finding.severity,
                file: self.origin.to_path_buf(),
                line,
                column,
                message: finding.message,
                help: finding.help,
                excerpt: finding.excerpt.then(|| self.source.excerpt(&finding.span)),
            }
        };
        findings.into_iter().map(problem).collect()
    }

    /// A scalar, its references filled in; `what` names it in messages.
    pub(crate) fn text(&self, node: &Node, what: &str) -> Option<Text> {
        self.text_or(node, what, |fault| fault.help().to_owned())
    }

    /// The same, with a fix of its own for a reference that brings nothing.
    pub(crate) fn text_or(
        &self,
        node: &Node,
        what: &str,
        help: impl Fn(&Fault) -> String,
    ) -> Option<Text> {
        let written = match &node.kind {
            Kind::Scalar(written) => written,
            Kind::Null => {
                let message = format!("`{what}` has no value");
                self.error(&node.span, message, "give it one, or remove the line for the default");
                return None;
            }
            Kind::List(_) | Kind::Map(_) => {
                let message = format!("`{what}` must be one value, found {}", node.kind.name());
                self.error(&node.span, message, "write a single value");
                return None;
            }
        };
        match references::fill(written, self.resolver, &self.folder) {
            Ok(value) => Some(Text { value, written: written.clone(), span: node.span.clone() }),
            Err(fault) => {
                self.error(&node.span, format!("`{what}`: {fault}"), &help(&fault));
                None
            }
        }
    }

    /// The configuration's folder, from which relative paths start.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path, relative ones from the configuration's folder.
    pub(crate) fn path(&self, text: &Text, what: &str) -> Option<PathBuf> {
        if text.value.is_empty() || text.value.contains('\0') {
            self.error(
                &text.span,
                format!("`{what}` is no path: {}", text.shown()),
                "write the path of a file, absolute or relative to the folder of this file",
            );
            return None;
        }
        Some(self.folder.join(&text.value))
    }

    /// Whether a path leads to a folder where a file is expected.
    pub(crate) fn is_folder(&self, text: &Text) -> bool {
        let is = |expect| self.resolver.check(&self.folder.join(&text.value), expect).is_ok();
        !is(Expect::File) && is(Expect::Folder)
    }

    /// A path at which there must be something by now.
    pub(crate) fn existing(&self, text: &Text, what: &str, expect: Expect) -> Option<PathBuf> {
        let path = self.path(text, what)?;
        match self.resolver.check(&path, expect) {
            Ok(()) => Some(path),
            Err(error) => {
                let message = format!("`{what}` {}: {error}", text.shown());
                let help = "relative paths start at the folder of this file; check the path and \
                            that the user penstock runs as may read it";
                self.error(&text.span, message, help);
                None
            }
        }
    }
}

/// A value between quotes, shortened, on one line.
pub(crate) fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(VALUE_CHARS_MAX).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    format!("`{}`", text.replace(char::is_control, " "))
}
