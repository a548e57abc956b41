//! Many regexes held against a text at one place.

use regex_automata::Anchored as Held;
use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_syntax::hir::Hir;

use super::Hit;
use super::alike::{READ, over_read};
use super::beginnings::{BEFORE, Beginning, Beginnings};
use super::bytes::Bytes;
use super::cut::{Cut, Head};
use super::told::Told;

/// What an automaton may take when it is built,
const BUILT_BYTES_MAX: usize = 64 << 20;
/// and what of its states a thread keeps.
const CACHE_BYTES_MAX: usize = 16 << 20;

/// What stands before a match is looked at so far back, to see where it may begin at the earliest.
const BACK_BYTES_MAX: usize = 256;

/// Cuts of rules, all asked at once.
#[derive(Debug)]
pub(super) struct Anchored {
    automaton: DFA,
    all: Vec<Of>,
    /// None is longer.
    longest: usize,
    /// What one may begin with.
    beginnings: Beginnings,
}

/// The rule that a cut is of.
#[derive(Debug, Clone, Copy)]
struct Of {
    rule: usize,
    lefts: [Bytes; BEFORE],
    /// What a match has before it,
    head: Head,
    /// and how many bytes of that at most.
    before: usize,
    on: usize,
}

/// The byte before a place, and the one before that.
#[derive(Debug, Clone, Copy)]
struct Left(Option<u8>, Option<u8>);

impl Left {
    fn of(text: &[u8], at: usize) -> Self {
        let before = |bytes: usize| at.checked_sub(bytes).and_then(|at| text.get(at)).copied();
        Self(before(1), before(2))
    }

    fn is_one_of(self, [last, second]: &[Bytes; BEFORE]) -> bool {
        self.0.is_none_or(|byte| last.has(byte)) && self.1.is_none_or(|byte| second.has(byte))
    }
}

impl Of {
    fn hit(&self, text: &[u8], at: usize) -> Hit {
        let first = at.saturating_sub(self.before.min(BACK_BYTES_MAX));
        let before = text.get(first..at).unwrap_or_default();
        let looked_at = self.head.of_text(before);
        let back = if looked_at < before.len() { looked_at } else { self.before }.saturating_add(1);
        Hit { rule: self.rule, start: at, end: at + 1, back, on: self.on, beside: false }
    }
}

/// Why cuts cannot be asked at once.
pub(super) struct Unbuilt {
    /// What the compiler says.
    pub(super) why: String,
    /// The rules that take most, the largest first.
    pub(super) largest: Vec<usize>,
}

/// So many of them are named.
const LARGEST_MAX: usize = 3;

fn compiler() -> thompson::Compiler {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(thompson::WhichCaptures::None)
        .nfa_size_limit(Some(BUILT_BYTES_MAX));
    let mut compiler = thompson::Compiler::new();
    compiler.configure(config);
    compiler
}

fn largest(cuts: &[(usize, Cut)]) -> Vec<usize> {
    let bytes = |cut: &Cut| {
        compiler().build_from_hir(&cut.rest).map_or(BUILT_BYTES_MAX, |nfa| nfa.memory_usage())
    };
    let mut by_size: Vec<(usize, usize)> =
        cuts.iter().map(|(rule, cut)| (bytes(cut), *rule)).collect();
    by_size.sort_unstable_by(|one, other| other.cmp(one));
    let mut rules: Vec<usize> = by_size.into_iter().map(|(_, rule)| rule).collect();
    // A rule may have several.
    let mut seen = std::collections::HashSet::new();
    rules.retain(|rule| seen.insert(*rule));
    rules.truncate(LARGEST_MAX);
    rules
}

impl Anchored {
    /// Why it cannot be built.
    pub(super) fn build(cuts: &[(usize, Cut)]) -> Result<Self, Unbuilt> {
        let regexes: Vec<Hir> = cuts.iter().map(|(_, cut)| over_read(&cut.rest)).collect();
        let unbuilt = |why: String| Unbuilt { why, largest: largest(cuts) };
        let nfa = compiler().build_many_from_hir(&regexes);
        let nfa = nfa.map_err(|error| unbuilt(error.to_string()))?;
        let config = Config::new()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE_BYTES_MAX)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(None);
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa);
        let automaton = automaton.map_err(|error| unbuilt(error.to_string()))?;
        let of = |(rule, cut): &(usize, Cut)| Of {
            rule: *rule,
            lefts: [cut.left, cut.second_left],
            head: cut.head,
            before: cut.before,
            on: cut.on,
        };
        let begins = |(read, (_, cut)): (&Hir, &(usize, Cut))| {
            Beginning::of(read, [cut.left, cut.second_left])
        };
        Ok(Self {
            automaton,
            all: cuts.iter().map(of).collect(),
            beginnings: Beginnings::of(regexes.iter().zip(cuts).map(begins).collect()),
            longest: cuts.iter().map(|(_, cut)| cut.longest).max().unwrap_or(0),
        })
    }

    pub(super) fn cache(&self) -> Cache {
        self.automaton.create_cache()
    }

    /// Tells the rules of those that match here.
    pub(super) fn ask(&self, text: &[u8], at: usize, cache: &mut Cache, told: &mut Told) {
        if self.beginnings.may_be(text, at) && !told.is_over() {
            self.ask_automaton(text, at, cache, told);
        }
    }

    fn ask_automaton(&self, text: &[u8], at: usize, cache: &mut Cache, told: &mut Told) {
        let left = Left::of(text, at);
        let first = told.hits.len();
        if self.walk(text, at, left, cache, told).is_none() {
            // It gave up: each may match.
            told.hits.truncate(first);
            let fits = |of: &&Of| left.is_one_of(&of.lefts);
            self.all.iter().filter(fits).for_each(|of| told.push(of.hit(text, at)));
        }
    }

    fn walk(
        &self,
        text: &[u8],
        at: usize,
        left: Left,
        cache: &mut Cache,
        told: &mut Told,
    ) -> Option<()> {
        let Self { automaton, all, .. } = self;
        let before = left.0.map(|byte| READ[usize::from(byte)]);
        let start = start::Config::new().anchored(Held::Yes).look_behind(before);
        let mut state = automaton.start_state(cache, &start).ok()?;
        let first = told.hits.len();
        let tell = |cache: &Cache, state, told: &mut Told| {
            for index in 0..automaton.match_len(cache, state) {
                let pattern = automaton.match_pattern(cache, state, index).as_usize();
                let of = all.get(pattern).filter(|of| left.is_one_of(&of.lefts));
                told.push_once(first, of.map(|of| of.hit(text, at)));
            }
        };
        // A match is told a byte behind its end.
        let end = at.saturating_add(self.longest).saturating_add(1);
        let rest = text.get(at..end.min(text.len())).unwrap_or_default();
        for (walked, byte) in rest.iter().enumerate() {
            state = automaton.next_state(cache, state, READ[usize::from(*byte)]).ok()?;
            if state.is_tagged() {
                if state.is_match() {
                    tell(cache, state, told);
                } else {
                    told.walked += walked;
                    return state.is_dead().then_some(());
                }
            }
        }
        told.walked += rest.len();
        if end >= text.len() {
            state = automaton.next_eoi_state(cache, state).ok()?;
            if state.is_match() {
                tell(cache, state, told);
            }
        }
        Some(())
    }
}
