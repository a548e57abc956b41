//! From a document of the corpus to an input.

use crate::random::Random;
use crate::targets::Target;

/// Inputs stay below this many bytes: what a parser does with more, it does with this.
const BYTES_MAX: usize = 4096;
/// How deep `nest` goes; past every limit on depth.
const DEPTH_MAX: usize = 300;
/// Bytes that mean something to one of the parsers.
const SHARP: &[u8] =
    b"\r\n\t \0:;,\"'\\{}[]()0123456789-+.eE/?#%&=*!|>@`~\x7f\x80\xbf\xc0\xed\xf4\xff";

/// Writes the input of this number into `input`.
pub(crate) fn input(target: &Target, seed: u64, number: u64, input: &mut Vec<u8>) {
    let mut random = Random::new(seed, number);
    input.clear();
    input.extend_from_slice(random.pick(target.corpus).unwrap_or_default().as_bytes());
    // Most inputs stay close to a document that is read to its end; some go far.
    let mutations = match random.below(16) {
        0 => 0,
        1..=9 => 1 + random.below(2),
        10..=13 => 2 + random.below(6),
        _ => 8 + random.below(24),
    };
    for _ in 0..mutations {
        mutate(target, &mut random, input);
        input.truncate(BYTES_MAX);
    }
}

fn mutate(target: &Target, random: &mut Random, input: &mut Vec<u8>) {
    let at = random.below(input.len() + 1);
    match random.below(14) {
        0 => replace(input, at, random.byte()),
        1 | 2 => {
            let byte = sharp(random);
            replace(input, at, byte);
        }
        3 => insert(input, at, &[sharp(random)]),
        4 => insert(input, at, &[random.byte()]),
        5..=7 => insert(input, at, random.pick(target.words).unwrap_or_default().as_bytes()),
        8 => {
            let end = at + random.below((input.len() - at).min(16) + 1);
            input.drain(at..end);
        }
        9 => {
            let end = at + random.below((input.len() - at).min(64) + 1);
            let copy = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            insert(input, to, &copy);
        }
        10 => {
            let other = random.pick(target.corpus).unwrap_or_default().as_bytes();
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        11 => {
            let run = vec![sharp(random); 1 + random.below(80)];
            insert(input, at, &run);
        }
        12 => number(random, input, at),
        _ => nest(random, input, at),
    }
}

/// Puts an extreme in the place of the digits around `at`, or inserts it where there are none.
fn number(random: &mut Random, input: &mut Vec<u8>, at: usize) {
    const EXTREMES: &[&str] = &[
        "0",
        "-0",
        "1",
        "00",
        "+1",
        "0x10",
        "1e400",
        "-1e-400",
        "0.1",
        "2147483648",
        "4294967296",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
        "ffffffffffffffff",
        "1_0",
    ];
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let start = at - input[..at].iter().rev().take_while(|byte| is_digit(byte)).count();
    let end = at + input[at..].iter().take_while(|byte| is_digit(byte)).count();
    let extreme = random.pick(EXTREMES).unwrap_or_default();
    input.splice(start..end, extreme.bytes());
}

fn nest(random: &mut Random, input: &mut Vec<u8>, at: usize) {
    const PAIRS: &[(&str, &str)] =
        &[("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("\"", "\""), ("- ", "")];
    let (open, close) = PAIRS[random.below(PAIRS.len())];
    let deepest = if random.below(8) == 0 { DEPTH_MAX } else { 8 };
    let depth = 1 + random.below(deepest);
    let end = at + random.below(input.len() - at + 1);
    insert(input, end, close.repeat(depth).as_bytes());
    insert(input, at, open.repeat(depth).as_bytes());
}

fn sharp(random: &mut Random) -> u8 {
    SHARP[random.below(SHARP.len())]
}

fn replace(input: &mut Vec<u8>, at: usize, byte: u8) {
    match input.get_mut(at) {
        Some(old) => *old = byte,
        None => input.push(byte),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TARGETS;

    #[test]
    fn an_input_is_the_same_each_time_and_bounded() {
        for target in TARGETS {
            let (mut once, mut again) = (Vec::new(), Vec::new());
            let mut changed = 0;
            for number in 0..2000 {
                input(target, 7, number, &mut once);
                input(target, 7, number, &mut again);
                assert_eq!(once, again);
                assert!(once.len() <= BYTES_MAX);
                changed += usize::from(!target.corpus.iter().any(|doc| doc.as_bytes() == once));
            }
            assert!(changed > 1000, "{}: only {changed} of 2000 inputs are new", target.name);
        }
    }
}
