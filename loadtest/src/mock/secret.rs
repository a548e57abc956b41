//! Secrets and personal data that nobody owns, in the published forms of real ones.
//!
//! Each kind's prefix is put together when the mock starts: nothing here looks like a secret to
//! whoever scans this repository. Where a form has a check digit it is right, and where a part of
//! a form's numbers is never given out, the numbers are of that part.

use crate::random::Random;

/// The longest sentence with a secret.
pub(crate) const SECRET_BYTES_MAX: usize = 160;
/// How many there are to choose from.
const SECRETS: usize = 96;

const DIGITS: &[u8] = b"0123456789";
const BASE_32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE_62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const FIRST: &[&str] = &["kim", "robin", "sasha", "noor", "jo", "alex", "mika", "toni"];
const LAST: &[&str] = &["weber", "okafor", "lindqvist", "tanaka", "moreau", "silva", "novak"];

/// Sentences of which each holds one secret.
#[derive(Debug)]
pub(crate) struct Secrets {
    sentences: Vec<String>,
}

impl Secrets {
    pub(crate) fn new(seed: u64) -> Self {
        const KINDS: [fn(&mut Random) -> String; 8] =
            [aws_key, github_token, slack_token, stripe_key, email, iban, card, password];
        let mut random = Random::new(seed);
        let sentences = KINDS.iter().cycle().take(SECRETS).map(|kind| kind(&mut random));
        Self { sentences: sentences.collect() }
    }

    /// One of them.
    pub(crate) fn pick(&self, random: &mut Random) -> &str {
        self.sentences.get(random.below(self.sentences.len())).map_or("", String::as_str)
    }
}

fn letters(random: &mut Random, from: &[u8], count: usize) -> String {
    let letter = |_| char::from(from.get(random.below(from.len())).copied().unwrap_or(b'0'));
    (0..count).map(letter).collect()
}

/// An access key id of AWS: of base 32, after a prefix that says what it is.
fn aws_key(random: &mut Random) -> String {
    let prefix = ["AK", "IA"].concat();
    format!("The export runs with the key {prefix}{}. ", letters(random, BASE_32, 16))
}

/// A personal access token of GitHub: 30 random characters and their CRC-32, both in base 62
/// ("Behind GitHub's new authentication token formats", 2021).
fn github_token(random: &mut Random) -> String {
    let body = letters(random, BASE_62, 30);
    let mut crc = crc32fast::hash(body.as_bytes());
    let mut check = [b'0'; 6];
    for digit in check.iter_mut().rev() {
        *digit = BASE_62.get((crc % 62) as usize).copied().unwrap_or(b'0');
        crc /= 62;
    }
    let prefix = ["gh", "p_"].concat();
    format!("The mirror clones with {prefix}{body}{}. ", String::from_utf8_lossy(&check))
}

/// A bot's token of Slack.
fn slack_token(random: &mut Random) -> String {
    let [team, bot] = [(); 2].map(|()| letters(random, DIGITS, 12));
    let prefix = ["xox", "b"].concat();
    format!("Alerts go out with {prefix}-{team}-{bot}-{}. ", letters(random, BASE_62, 24))
}

/// A secret key of Stripe.
fn stripe_key(random: &mut Random) -> String {
    let prefix = ["sk", "_live_"].concat();
    format!("Refunds are made with {prefix}{}. ", letters(random, BASE_62, 24))
}

/// An address below a domain that is reserved for examples (RFC 2606, section 3).
fn email(random: &mut Random) -> String {
    let (first, last) = (random.pick(FIRST, ""), random.pick(LAST, ""));
    format!("Write to {first}.{last}{}@mail.example.com about it. ", random.below(100))
}

/// A German IBAN with the right check digits (ISO 13616). No bank's number begins with 9.
fn iban(random: &mut Random) -> String {
    let account = format!("9{}", letters(random, DIGITS, 17));
    // `DE` is 1314 in the numbers that the check is made over.
    let modulo = format!("{account}131400")
        .bytes()
        .fold(0, |rest: u32, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("The money goes to DE{:02}{account} then. ", 98 - modulo)
}

/// A card number with the right last digit (ISO/IEC 7812, annex B), of a range that is for tests.
fn card(random: &mut Random) -> String {
    let body = format!("400000{}", letters(random, DIGITS, 9));
    let sum: u32 = body.bytes().rev().zip([2, 1].into_iter().cycle()).map(luhn).sum();
    let number = format!("{body}{}", (10 - sum % 10) % 10);
    format!("The card on file is {number} as before. ")
}

/// What a digit adds to the sum at its place.
fn luhn((digit, weight): (u8, u32)) -> u32 {
    let product = u32::from(digit - b'0') * weight;
    product / 10 + product % 10
}

/// A connection string with a password.
fn password(random: &mut Random) -> String {
    let secret = letters(random, BASE_62, 20);
    let scheme = ["postgres", "://"].concat();
    format!("It reads from {scheme}reports:{secret}@db.example.com:5432/ledger now. ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word<'a>(sentence: &'a str, start: &str) -> &'a str {
        let word = sentence.split_whitespace().find(|word| word.starts_with(start)).unwrap();
        word.trim_end_matches('.')
    }

    #[test]
    fn every_sentence_fits_and_can_stand_in_json() {
        let secrets = Secrets::new(1);
        assert_eq!(secrets.sentences.len(), SECRETS);
        for sentence in &secrets.sentences {
            assert!(sentence.len() <= SECRET_BYTES_MAX && sentence.is_ascii(), "{sentence}");
            assert!(!sentence.contains(['"', '\\', '\n']), "{sentence}");
        }
        let different: std::collections::HashSet<&String> = secrets.sentences.iter().collect();
        assert_eq!(different.len(), SECRETS);
    }

    #[test]
    fn check_digits_are_right() {
        let mut random = Random::new(9);
        for _ in 0..100 {
            let sentence = card(&mut random);
            let number = word(&sentence, "400000");
            assert_eq!(number.len(), 16);
            let sum: u32 = number.bytes().rev().zip([1, 2].into_iter().cycle()).map(luhn).sum();
            assert_eq!(sum % 10, 0, "{number}");

            let sentence = iban(&mut random);
            let number = word(&sentence, "DE");
            assert_eq!(number.len(), 22);
            // ISO 7064: country and check digits moved to the end, letters as numbers, modulo 97.
            let moved = format!("{}1314{}", &number[4..], &number[2..4]);
            let modulo =
                moved.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - 48)) % 97);
            assert_eq!(modulo, 1, "{number}");

            let sentence = github_token(&mut random);
            let token = word(&sentence, "ghp");
            let (body, check) = token[4..].split_at(30);
            let value = check.bytes().fold(0u64, |value, digit| {
                let digit = BASE_62.iter().position(|known| *known == digit).unwrap();
                value * 62 + digit as u64
            });
            assert_eq!(value, u64::from(crc32fast::hash(body.as_bytes())), "{token}");
        }
    }
}
