//! How fast messages are looked into, beside the parts of that and beside other ways to it.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use penstock_inspect::{
    EngineKind, Form, Inspector, Keys, Limits, Outcome, OverLimit, Policy, RuleSet, Scratch,
    Settings, Side, Told,
};
use serde::Serialize;

use crate::clock::{Start, median, precise};
use crate::message::Messages;
use crate::stock::Stock;

/// Bytes of a message, and how many of them are looked into by turns: more than fit into a core's own caches.
const SIZES: [(usize, usize); 4] = [(512, 4096), (4 << 10, 1024), (64 << 10, 64), (1 << 20, 8)];
/// Of a thousand pieces so many hold something.
const PER_MILLE: [usize; 3] = [0, 10, 100];
/// How often each way has its turn; the median is told.
const ROUNDS: usize = 7;
/// The same of regexes alone, which are so slow that they are given
const REGEX_ROUNDS: usize = 3;
/// no more than this of the messages.
const REGEX_BYTES: usize = 16 << 10;

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// All that is in it is found.
    Scan,
    /// Only the search for words, in the message's own bytes.
    Words,
    /// What `serve` does with an answer where `inspection: {}` is all that is said: secrets are redacted, all else is
    /// told.
    Policy,
    /// As `Scan`, with the engine that runs where libhs is not.
    Portable,
    /// Only the regexes, each over all of the message.
    Regexes,
}

impl Way {
    const ALL: [Self; 5] = [Self::Scan, Self::Words, Self::Policy, Self::Portable, Self::Regexes];

    /// Which of the messages are for it: all, or the first of them, and of one that is too long its beginning.
    fn sample(self, messages: &[Vec<u8>]) -> Vec<&[u8]> {
        let mut left = if self == Self::Regexes { REGEX_BYTES } else { usize::MAX };
        let mut taken = Vec::new();
        for message in messages {
            let part = message.get(..left.min(message.len())).unwrap_or_default();
            left -= part.len();
            if !part.is_empty() {
                taken.push(part);
            }
        }
        taken
    }
}

/// Messages of one size with so many hits.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What they are made of.
    pub(crate) of: &'static str,
    pub(crate) size: usize,
    pub(crate) per_mille: usize,
    messages: usize,
    /// As many as they have.
    pub(crate) mean_bytes: f64,
    pieces: usize,
    /// Pieces that hold something to be found.
    hits: usize,
    pub(crate) findings_a_mebibyte: f64,
    speeds: Vec<Speed>,
}

/// Medians over the rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Speed {
    pub(crate) way: Way,
    /// 10⁹ bytes of messages in a second of the processor.
    pub(crate) gb_a_second: f64,
    /// The same in a second of the wall's clock.
    pub(crate) gb_a_second_wall: f64,
    /// Processor time of a message.
    pub(crate) us_a_message: f64,
}

impl Row {
    pub(crate) fn speed(&self, way: Way) -> Option<&Speed> {
        self.speeds.iter().find(|speed| speed.way == way)
    }
}

/// The engines, and a thread's memory for each.
struct Bench {
    best: Arc<Inspector>,
    portable: Inspector,
    policy: Policy,
    scratch: Scratch,
    portable_scratch: Scratch,
}

/// Measures each way at each size with each share of hits, by turns, for so many seconds each.
pub(crate) fn measure(
    best: &Arc<Inspector>,
    (corpus, files): (&Stock, &Stock),
    seed: u64,
    seconds: f64,
) -> Result<Vec<Row>> {
    let mut bench = Bench::new(best)?;
    let mut rows = Vec::new();
    let mixes = [("files", files, &PER_MILLE[..1]), ("corpus", corpus, &PER_MILLE[..])];
    for (of, stock, shares) in mixes {
        for size in SIZES {
            for per_mille in shares {
                eprintln!("inspect: {of}, {} B, hits in {per_mille} of 1000 pieces", size.0);
                let messages = Messages::make(stock, best, seed, size, *per_mille)?;
                rows.push(bench.row(of, &messages, (size.0, *per_mille), seconds)?);
            }
        }
    }
    Ok(rows)
}

impl Bench {
    fn new(best: &Arc<Inspector>) -> Result<Self> {
        let portable =
            Inspector::new(RuleSet::built_in()?, EngineKind::Portable, Limits::default());
        let portable = portable.map_err(|error| anyhow!(error))?;
        let settings =
            Settings { server: "bench", actions: &[], over_limit: OverLimit::Block, open_for: &[] };
        let policy = Policy::new(Arc::clone(best), settings, Arc::new(Keys::random()?))?;
        let (scratch, portable_scratch) = (best.scratch()?, portable.scratch()?);
        Ok(Self { best: Arc::clone(best), portable, policy, scratch, portable_scratch })
    }

    fn row(
        &mut self,
        of: &'static str,
        messages: &Messages,
        (size, per_mille): (usize, usize),
        seconds: f64,
    ) -> Result<Row> {
        let mut findings = 0;
        for way in Way::ALL {
            let found = self.pass(way, &way.sample(&messages.all))?;
            if way == Way::Scan {
                findings = found;
                ensure!(per_mille > 0 || found == 0, "something is found where nothing should be");
            } else if way == Way::Portable {
                ensure!(found == findings, "the engines find {findings} and {found}");
            }
        }
        let mut rounds: Vec<(Way, Vec<Speed>)> = Way::ALL.map(|way| (way, Vec::new())).into();
        for round in 0..ROUNDS {
            for (way, speeds) in &mut rounds {
                if *way != Way::Regexes {
                    speeds.push(self.turn(*way, messages, seconds / precise(ROUNDS))?);
                } else if round < REGEX_ROUNDS {
                    speeds.push(self.turn(*way, messages, 0.0)?);
                }
            }
        }
        let bytes = precise(messages.bytes());
        Ok(Row {
            of,
            size,
            per_mille,
            messages: messages.all.len(),
            mean_bytes: bytes / precise(messages.all.len()),
            pieces: messages.pieces,
            hits: messages.hits,
            findings_a_mebibyte: precise(findings) * 1_048_576.0 / bytes,
            speeds: rounds.into_iter().map(|(way, speeds)| Speed::median(way, &speeds)).collect(),
        })
    }

    /// All messages again and again for so many seconds, once at least.
    fn turn(&mut self, way: Way, messages: &Messages, seconds: f64) -> Result<Speed> {
        let all = way.sample(&messages.all);
        let bytes = precise(all.iter().map(|message| message.len()).sum());
        let (start, mut times) = (Start::now(), 0);
        let took = loop {
            black_box(self.pass(way, black_box(&all))?);
            times += 1;
            let took = start.took();
            if took.cpu >= seconds {
                break took;
            }
        };
        let times = precise(times);
        let rate = |seconds: f64| bytes * times / seconds / 1e9;
        let mean = precise(messages.bytes()) / precise(messages.all.len());
        Ok(Speed {
            way,
            gb_a_second: rate(took.cpu),
            gb_a_second_wall: rate(took.wall),
            us_a_message: mean / rate(took.cpu) / 1e3,
        })
    }

    /// Each message once; how much was found.
    fn pass(&mut self, way: Way, messages: &[impl AsRef<[u8]>]) -> Result<usize> {
        let Self { best, portable, policy, scratch, portable_scratch } = self;
        let mut found = 0;
        for message in messages.iter().map(AsRef::as_ref) {
            found += match way {
                Way::Scan => best.scan(message, Form::Json, scratch)?.len(),
                Way::Words => best.search_words(message, scratch)?,
                Way::Policy => {
                    let mut told = 0;
                    let tell = &mut |_: &Told<'_>| told += 1;
                    match policy.inspect(Side::Response, message, Form::Json, scratch, tell) {
                        Outcome::Unchanged => {}
                        outcome => drop(black_box(outcome)),
                    }
                    told
                }
                Way::Portable => portable.scan(message, Form::Json, portable_scratch)?.len(),
                Way::Regexes => best.search_regexes(message),
            };
        }
        Ok(found)
    }
}

impl Speed {
    fn median(way: Way, rounds: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(rounds.iter().map(value));
        Self {
            way,
            gb_a_second: of(|one| one.gb_a_second),
            gb_a_second_wall: of(|one| one.gb_a_second_wall),
            us_a_message: of(|one| one.us_a_message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_of_the_first_messages_and_no_longer_than_it_may_be() {
        let sample = |way: Way, messages: &[Vec<u8>]| -> Vec<usize> {
            way.sample(messages).iter().map(|one| one.len()).collect()
        };
        let short = vec![vec![1; 1000]; 100];
        assert_eq!(sample(Way::Regexes, &short).iter().sum::<usize>(), REGEX_BYTES);
        assert_eq!(sample(Way::Scan, &short), [1000; 100]);
        let long = vec![vec![1; 1 << 20]; 2];
        assert_eq!(sample(Way::Regexes, &long), [REGEX_BYTES]);
    }
}
