//! YAML into a tree in which every key and every value remembers where it stands.
//!
//! Scalars stay text: what `no`, `0660` or `1e3` mean is decided by the key they belong to, so none
//! of YAML's guesses about types can happen. Duplicate keys, tags, merge keys and further documents
//! are refused; aliases are allowed up to a budget, so that a small file cannot become a large tree.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use crate::context::{Context, shown};

/// Nesting of a file; the deepest useful one is 6.
const DEPTH_MAX: usize = 32;

/// Values that aliases may add.
const ALIASED_NODES_MAX: usize = 20_000;

pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
    /// Values within, aliases followed, itself included.
    weight: usize,
}

pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
    pub(crate) value: Rc<Node>,
}

impl Kind {
    /// What to call it in a message.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// The document in `text`, or nothing where it is no YAML; problems go to `cx`.
pub(crate) fn parse(text: &str, cx: &Context<'_>) -> Option<Rc<Node>> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder =
        Builder { cx, open: Vec::new(), anchors: HashMap::new(), aliased: 0, root: None };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                syntax_error(cx, text, &error);
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let help = "keep one document a file: remove the `---` and what follows";
                cx.error(&bytes(&span), "a second YAML document begins here", help);
                return builder.root;
            }
        }
        builder.take(event, &bytes(&span))?;
    }
    if builder.root.as_ref().is_none_or(|root| matches!(root.kind, Kind::Null)) {
        let help = "`penstock init` writes a first configuration";
        cx.error(&(0..0), "the file is empty", help);
        return None;
    }
    builder.root
}

struct Builder<'a, 'c> {
    cx: &'a Context<'c>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    aliased: usize,
    root: Option<Rc<Node>>,
}

/// A collection whose end has not been seen.
struct Open {
    start: usize,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<Entry>, keys: HashSet<String>, key: Option<Key> },
}

/// A key whose value has not been seen; unusable ones are reported and their values dropped.
enum Key {
    Usable(String, Range<usize>),
    Dropped,
}

impl Builder<'_, '_> {
    /// `None` where going on would cost too much.
    fn take(&mut self, event: Event<'_>, span: &Range<usize>) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let kind = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Kind::Null,
                    _ => Kind::Scalar(text.into_owned()),
                };
                self.finish(Node { span: span.clone(), kind, weight: 1 }, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.open(span.start, anchor, Items::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let items = Items::Map { entries: Vec::new(), keys: HashSet::new(), key: None };
                self.open(span.start, anchor, items);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Some(())
    }

    fn open(&mut self, start: usize, anchor: usize, items: Items) {
        self.open.push(Open { start, anchor, items });
    }

    fn close(&mut self, span: &Range<usize>) {
        let Some(open) = self.open.pop() else { return };
        let kind = match open.items {
            Items::List(items) => Kind::List(items),
            Items::Map { entries, .. } => Kind::Map(entries),
        };
        let weight = match &kind {
            Kind::List(items) => items.iter().map(|item| item.weight).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.weight).sum(),
            Kind::Null | Kind::Scalar(_) => 0,
        };
        let span = open.start..span.end.max(open.start);
        self.finish(Node { span, kind, weight: weight + 1 }, open.anchor);
    }

    fn alias(&mut self, anchor: usize, span: &Range<usize>) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let help = "write the value out instead of the alias";
            self.cx.error(span, "an alias stands within the value it repeats", help);
            return None;
        };
        self.aliased = self.aliased.saturating_add(node.weight);
        if self.aliased > ALIASED_NODES_MAX {
            let message = format!("aliases repeat more than {ALIASED_NODES_MAX} values");
            self.cx.error(span, message, "write the values out instead of repeating them by alias");
            return None;
        }
        self.place(node);
        Some(())
    }

    fn finish(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node);
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Rc<Node>) {
        let cx = self.cx;
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, keys, key }) => match key.take() {
                None => *key = Some(read_key(cx, &node, keys)),
                Some(Key::Usable(name, at)) => {
                    entries.push(Entry { key: name, span: at, value: node });
                }
                Some(Key::Dropped) => {}
            },
        }
    }

    fn refuse_tag(&self, tagged: bool, span: &Range<usize>) {
        if tagged {
            let help = "remove the `!…` before the value: its key says what type it has";
            self.cx.error(span, "YAML tags are not used here", help);
        }
    }
}

fn read_key(cx: &Context<'_>, node: &Node, keys: &mut HashSet<String>) -> Key {
    let name = match &node.kind {
        Kind::Scalar(name) => name,
        Kind::Null => "null",
        Kind::List(_) | Kind::Map(_) => {
            let message = format!("a key must be a single value, found {}", node.kind.name());
            let help = "in `{ … }` and `[ … ]`, put a value that holds `${…}` between quotes";
            cx.error(&node.span, message, help);
            return Key::Dropped;
        }
    };
    if name == "<<" {
        let help = "write the keys out, or repeat a whole value with `&name` and `*name`";
        cx.error(&node.span, "merge keys (`<<`) are not part of YAML 1.2", help);
        return Key::Dropped;
    }
    if !keys.insert(name.to_owned()) {
        let message = format!("the key {} is given twice", shown(name));
        cx.error(&node.span, message, "keep one of the two");
        return Key::Dropped;
    }
    Key::Usable(name.to_owned(), node.span.clone())
}

fn syntax_error(cx: &Context<'_>, text: &str, error: &ScanError) {
    let marker = error.marker();
    let by_characters = || text.char_indices().nth(marker.index()).map(|(at, _)| at);
    let offset = marker.byte_offset().or_else(by_characters).unwrap_or(text.len()).min(text.len());
    let line = cx.source.line_at(offset);
    let (message, help) = match error.kind() {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            ("a tab is used for indentation".to_owned(), "indent with spaces")
        }
        ErrorKind::UnknownAnchor => (
            "an alias (`*name`) repeats a value that has no anchor (`&name`) above it".to_owned(),
            "put a text that begins with `*` between quotes",
        ),
        ErrorKind::RecursionLimitExceeded => (
            format!("values are nested more than {DEPTH_MAX} deep"),
            "no key needs that: look for a stray `[` or `{`",
        ),
        ErrorKind::DirectiveDisallowed => {
            ("YAML directives are not used here".to_owned(), "remove the line that begins with `%`")
        }
        _ if line.trim_start().starts_with('\t') || line.starts_with('\t') => {
            ("a tab is used for indentation".to_owned(), "indent with spaces")
        }
        _ if line.contains("${") && line.contains(['{', '[']) => (
            format!("not valid YAML: {}", error.info()),
            "in `{ … }` and `[ … ]`, put a value that holds `${…}` between quotes",
        ),
        _ => (
            format!("not valid YAML: {}", error.info()),
            "check the indentation, the colons and the quotes on this line and the one above",
        ),
    };
    let span = offset..offset;
    if cx.source.may_be_secret(offset) {
        cx.error_unseen(&span, message, help);
    } else {
        cx.error(&span, message, help);
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}
