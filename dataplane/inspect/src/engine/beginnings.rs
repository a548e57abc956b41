//! What matches may begin with: three bytes say of most places that none begins there.

use regex_automata::Anchored as Held;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::util::alphabet::Unit;
use regex_automata::util::start;

use super::alike::READ;
use super::bytes::Bytes;

/// The first three bytes that an automaton goes on at.
#[derive(Debug)]
pub(super) struct Beginnings {
    /// Bytes that it tells apart no more than these.
    class: Box<[u8; 256]>,
    classes: usize,
    /// For a first and a second class, the third.
    thirds: Vec<Bytes>,
}

impl Beginnings {
    /// `None` where the automaton cannot tell.
    pub(super) fn of(automaton: &DFA) -> Option<Self> {
        let alphabet = automaton.byte_classes();
        let class = Box::new(READ.map(|byte| alphabet.get(byte)));
        let classes = usize::from(class.iter().copied().max()?) + 1;
        let bytes: Vec<u8> =
            alphabet.representatives(0..=u8::MAX).filter_map(Unit::as_u8).collect();
        let mut all = Self { class, classes, thirds: vec![Bytes::NONE; classes * classes] };
        let mut cache = automaton.create_cache();
        // What stands before decides only whether a word begins.
        for before in [None, Some(b'a'), Some(b' '), Some(b'\n')] {
            let start = start::Config::new().anchored(Held::Yes).look_behind(before);
            let start = automaton.start_state(&mut cache, &start).ok()?;
            for first in &bytes {
                let once = automaton.next_state(&mut cache, start, *first).ok()?;
                for second in bytes.iter().filter(|_| !once.is_dead()) {
                    let twice = automaton.next_state(&mut cache, once, *second).ok()?;
                    for third in bytes.iter().filter(|_| !twice.is_dead()) {
                        // A match is told a byte behind its end.
                        if !automaton.next_state(&mut cache, twice, *third).ok()?.is_dead() {
                            let at = all.place(alphabet.get(*first), alphabet.get(*second));
                            let third = alphabet.get(*third);
                            all.thirds.get_mut(at).into_iter().for_each(|set| set.insert(third));
                        }
                    }
                }
            }
        }
        Some(all)
    }

    fn place(&self, first: u8, second: u8) -> usize {
        usize::from(first) * self.classes + usize::from(second)
    }

    /// Whether any may begin here.
    pub(super) fn may_be(&self, text: &[u8]) -> bool {
        match text {
            [first, second, third, ..] => {
                let [first, second, third] =
                    [first, second, third].map(|byte| self.class[usize::from(*byte)]);
                self.thirds.get(self.place(first, second)).is_some_and(|set| set.has(third))
            }
            _ => !text.is_empty(),
        }
    }
}
