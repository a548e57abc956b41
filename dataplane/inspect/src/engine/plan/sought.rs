//! What is looked for of one rule, told.

use crate::engine::atoms::Atom;
use crate::engine::dense::{Cluster, Kind};
use crate::engine::route::{Route, Way};
use crate::explain::Sought;
use crate::rule::Rule;

/// What others there are changes nothing of it.
pub(crate) fn sought(rule: &Rule) -> Vec<Sought> {
    let told = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    let mut words = Vec::new();
    let mut others = Vec::new();
    let mut of = |kind: Kind, bytes: usize| {
        others.push(match kind {
            Kind::Token => Sought::Run(bytes),
            Kind::Digit => Sought::Digits(bytes),
            Kind::Capital => Sought::Capitals(bytes),
            Kind::Hex => Sought::HexDigits(bytes),
        });
    };
    let leading = |cut: &crate::engine::cut::Cut, kind| {
        Cluster::leading(&cut.rest, kind, usize::MAX).map_or(0, |(bytes, _)| bytes)
    };
    match Route::of(0, rule) {
        Route::Begins(ways) => {
            for way in &ways {
                match way {
                    Way::Number(cut) => of(Kind::Digit, leading(cut, Kind::Digit)),
                    Way::Run(cut) => of(Kind::Token, leading(cut, Kind::Token)),
                    Way::Sign(cut) => {
                        let sign = cut.first_bytes().single();
                        words.extend(sign.map(|sign| char::from(sign).to_string()));
                    }
                    Way::Phrase(_, begins) => words.extend(begins.iter().map(told)),
                }
            }
        }
        Route::Has(direct) if direct.asked.beside => {
            return vec![Sought::Context(rule.context.words().to_vec())];
        }
        Route::Has(direct) => {
            for atom in &direct.choice.atoms {
                match atom {
                    Atom::Word(word) => words.push(told(word)),
                    Atom::Dense(kind, cluster) => of(*kind, cluster.bytes),
                }
            }
        }
        Route::Always => others.push(Sought::Everywhere),
    }
    if !words.is_empty() {
        others.insert(0, Sought::Words(words));
    }
    others
}
