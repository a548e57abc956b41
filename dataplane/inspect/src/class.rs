//! Kinds of findings, by which an operator says what becomes of them.

use serde::{Deserialize, Serialize};

/// What kind of thing a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Keys, tokens, passwords and their hashes.
    Secret,
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// Numbers of payment cards.
    Card,
    /// International bank account numbers.
    Iban,
    /// Social security and taxpayer numbers of the United States.
    Ssn,
    /// Numbers by which other states know a person.
    NationalId,
    /// IPv4 and IPv6 addresses.
    Ip,
    /// Addresses of network interfaces.
    Mac,
    /// Passport numbers and machine-readable zones.
    Passport,
    /// Dates of birth.
    BirthDate,
    /// Street addresses.
    Address,
    /// Names of people, by a dictionary.
    Name,
    /// Addresses of crypto wallets.
    Wallet,
    /// Text that would instruct a model.
    Injection,
}

impl Class {
    /// Every class, in the order in which they are told.
    pub const ALL: [Self; 15] = [
        Self::Secret,
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::Ssn,
        Self::NationalId,
        Self::Ip,
        Self::Mac,
        Self::Passport,
        Self::BirthDate,
        Self::Address,
        Self::Name,
        Self::Wallet,
        Self::Injection,
    ];

    /// As it is written in rules, configurations and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::NationalId => "national-id",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Passport => "passport",
            Self::BirthDate => "birth-date",
            Self::Address => "address",
            Self::Name => "name",
            Self::Wallet => "wallet",
            Self::Injection => "injection",
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
