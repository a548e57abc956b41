//! What a match must fulfil beyond its form: check digits, ranges, dates, checksums.
//!
//! A rule names one of these checks; it is given the match as it stands in the text, separators
//! among it.

mod africa_middle_east;
mod americas;
mod asia_pacific;
mod birth;
mod card;
mod digits;
mod europe_east;
mod europe_north;
mod europe_south;
mod europe_west;
mod iban;
mod mrz;
mod network;
mod phone;
mod token;
mod wallet;

/// Writes the checks once: the enum, its names and where each is done.
macro_rules! validators {
    ($($(#[$doc:meta])* $variant:ident $name:literal $check:path;)*) => {
        /// A check that a rule may ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Validator {
            $($(#[$doc])* $variant,)*
        }

        impl Validator {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What a rule calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether a match fulfils it.
            pub fn holds(self, text: &[u8]) -> bool {
                match self {
                    $(Self::$variant => $check(text),)*
                }
            }
        }
    };
}

validators! {
    /// Luhn's check digit, whatever the number is.
    Luhn "luhn" digits::luhn_text;
    /// A payment card.
    Card "card" card::card;
    /// An international bank account number.
    Iban "iban" iban::iban;
    /// An international telephone number.
    Phone "phone" phone::phone;
    /// A telephone number of North America.
    Nanp "nanp" phone::nanp;
    /// A telephone number as dialled at home.
    PhoneNational "phone-national" phone::phone_national;
    /// A date that somebody may be born on.
    BirthDate "birth-date" birth::birth_date;
    /// The machine readable lines of a travel document.
    Mrz "mrz" mrz::mrz;
    /// An IPv4 address of a host.
    Ipv4 "ipv4" network::ipv4;
    /// An IPv6 address of a host.
    Ipv6 "ipv6" network::ipv6;
    /// A MAC address.
    Mac "mac" network::mac;
    /// A crypto address or key in Base58 with a checksum.
    Base58Check "base58check" wallet::base58check;
    /// An address of the XRP Ledger.
    Xrp "xrp" wallet::xrp;
    /// A public key of Solana.
    Solana "solana" wallet::solana;
    /// An address of Stellar.
    Stellar "stellar" wallet::stellar;
    /// An address of TON.
    Ton "ton" wallet::ton;
    /// A crypto address in Bech32 or Bech32m.
    Bech32 "bech32" wallet::bech32;
    /// An Ethereum address with its checksum.
    Eip55 "eip55" wallet::eip55;
    /// An Ethereum address, its checksum good or absent.
    Ethereum "ethereum" wallet::ethereum;
    /// A JSON Web Token.
    Jwt "jwt" token::jwt;
    /// A token of GitHub or npm with its checksum.
    Crc32Base62 "crc32-base62" token::crc32_base62;
    /// Austria's social insurance number.
    Svnr "svnr" europe_west::svnr;
    /// Belgium's national number.
    Rijksregister "rijksregister" europe_west::rijksregister;
    /// France's social security number.
    Nir "nir" europe_west::nir;
    /// Germany's tax number of a person.
    SteuerId "steuer-id" europe_west::steuer_id;
    /// Germany's identity card.
    DeIdCard "de-id-card" europe_west::de_id_card;
    /// Ireland's PPS number.
    Pps "pps" europe_west::pps;
    /// The Netherlands' citizen number.
    Bsn "bsn" europe_west::bsn;
    /// Switzerland's AHV number.
    Ahv "ahv" europe_west::ahv;
    /// The United Kingdom's National Insurance number.
    Nino "nino" europe_west::nino;
    /// The United Kingdom's NHS number.
    Nhs "nhs" europe_west::nhs;
    /// Denmark's CPR number.
    Cpr "cpr" europe_north::cpr;
    /// Estonia's or Lithuania's personal code.
    Isikukood "isikukood" europe_north::isikukood;
    /// Finland's identity code.
    Hetu "hetu" europe_north::hetu;
    /// Iceland's kennitala.
    Kennitala "kennitala" europe_north::kennitala;
    /// Latvia's personal code, old form.
    PersonasKods "personas-kods" europe_north::personas_kods;
    /// Norway's birth number.
    Fodselsnummer "fodselsnummer" europe_north::fodselsnummer;
    /// Sweden's personal number.
    Personnummer "personnummer" europe_north::personnummer;
    /// Croatia's OIB.
    Oib "oib" europe_south::oib;
    /// Greece's AMKA.
    Amka "amka" europe_south::amka;
    /// Greece's tax number.
    Afm "afm" europe_south::afm;
    /// Italy's fiscal code.
    CodiceFiscale "codice-fiscale" europe_south::codice_fiscale;
    /// Portugal's tax number.
    Nif "nif" europe_south::nif;
    /// Slovenia's EMŠO and its kin.
    Emso "emso" europe_south::emso;
    /// Spain's DNI or NIE.
    Dni "dni" europe_south::dni;
    /// Turkey's identity number.
    Tckn "tckn" europe_south::tckn;
    /// Bulgaria's EGN.
    Egn "egn" europe_east::egn;
    /// Czechia's or Slovakia's birth number.
    RodneCislo "rodne-cislo" europe_east::rodne_cislo;
    /// Poland's PESEL.
    Pesel "pesel" europe_east::pesel;
    /// Romania's CNP.
    Cnp "cnp" europe_east::cnp;
    /// Russia's SNILS.
    Snils "snils" europe_east::snils;
    /// Ukraine's taxpayer number.
    Rnokpp "rnokpp" europe_east::rnokpp;
    /// Argentina's CUIT or CUIL.
    Cuit "cuit" americas::cuit;
    /// Brazil's CPF.
    Cpf "cpf" americas::cpf;
    /// Brazil's CNPJ.
    Cnpj "cnpj" americas::cnpj;
    /// Canada's Social Insurance Number.
    Sin "sin" americas::sin;
    /// Chile's RUT.
    Rut "rut" americas::rut;
    /// Colombia's NIT.
    Nit "nit" americas::nit;
    /// Mexico's CURP.
    Curp "curp" americas::curp;
    /// The United States' employer number.
    Ein "ein" americas::ein;
    /// The United States' ITIN.
    Itin "itin" americas::itin;
    /// The United States' Social Security number.
    Ssn "ssn" americas::ssn;
    /// Australia's tax file number.
    Tfn "tfn" asia_pacific::tfn;
    /// Australia's Medicare number.
    Medicare "medicare" asia_pacific::medicare;
    /// China's resident identity number.
    ResidentId "resident-id" asia_pacific::resident_id;
    /// Hong Kong's identity card.
    Hkid "hkid" asia_pacific::hkid;
    /// India's Aadhaar.
    Aadhaar "aadhaar" asia_pacific::aadhaar;
    /// India's permanent account number.
    Pan "pan" asia_pacific::pan;
    /// Japan's Individual Number.
    MyNumber "my-number" asia_pacific::my_number;
    /// New Zealand's IRD number.
    Ird "ird" asia_pacific::ird;
    /// Singapore's NRIC or FIN.
    Nric "nric" asia_pacific::nric;
    /// South Korea's registration number.
    Rrn "rrn" asia_pacific::rrn;
    /// Taiwan's identification number.
    TaiwanId "taiwan-id" asia_pacific::taiwan_id;
    /// Thailand's identification number.
    ThaiId "thai-id" asia_pacific::thai_id;
    /// Egypt's national number.
    EgyptId "egypt-id" africa_middle_east::egypt_id;
    /// Israel's identity number.
    TeudatZehut "teudat-zehut" africa_middle_east::teudat_zehut;
    /// Saudi Arabia's identity number.
    SaudiId "saudi-id" africa_middle_east::saudi_id;
    /// South Africa's identity number.
    ZaId "za-id" africa_middle_east::za_id;
    /// The Emirates' identity number.
    EmiratesId "emirates-id" africa_middle_east::emirates_id;
}

impl Validator {
    /// The check that a rule names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|validator| validator.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for &validator in Validator::ALL {
            assert_eq!(Validator::from_name(validator.name()), Some(validator));
        }
        assert_eq!(Validator::from_name("nothing"), None);
    }

    #[test]
    fn nothing_holds_for_what_is_no_text() {
        let long = [b'1'; 4096];
        let odd: [&[u8]; 8] = [b"", b" ", b"-", b"\xff\xfe", b"+", b".", b"\n\n\n", &long];
        for &validator in Validator::ALL {
            for text in odd {
                assert!(!validator.holds(text), "{} of {text:?}", validator.name());
            }
        }
    }
}
