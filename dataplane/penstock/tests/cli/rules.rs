//! `penstock rules`: what is looked for, and whether rules of one's own work.

use penstock_inspect::Validator;

use crate::{Folder, GOOD as HEAD, code, json, stderr, stdout};

#[test]
fn rules_are_listed_by_class_as_text_and_as_json() {
    let folder = Folder::new();
    let all = folder.penstock(&["rules", "list"]);
    assert_eq!((code(&all), stderr(&all).as_str()), (0, ""));
    assert!(stdout(&all).lines().count() > 200);
    let some = folder.penstock(&["rules", "list", "--class", "card,email"]);
    let lines = stdout(&some);
    assert!(lines.lines().all(|line| line.contains("  card   ") || line.contains("  email  ")));
    assert!(lines.contains("email-address"), "{lines}");
    let document = json(&folder.penstock(&["rules", "list", "--class", "email", "--json"]));
    assert_eq!(document[0]["id"], "email-address");
    assert_eq!(document[0]["class"], "email");
    assert!(document[0]["description"].as_str().is_some_and(|text| !text.is_empty()));
    folder.write("own.toml", "[[rules]]\nid = 'own'\nregex = 'x'\n");
    let own = folder.penstock(&["rules", "list", "--rules", "own.toml"]);
    assert_eq!(stdout(&own), "own  secret  redact  \n");
}

const OWN: &str = "[[rules]]
id = 'acme-badge'
description = 'Badge of Acme'
class = 'national-id'
regex = '''badge-([0-9]{6})'''
secretGroup = 1
keywords = ['badge']
entropy = 1.5
allowlists = [{ stopwords = ['000000'] }]
context = ['acme']
requireContext = true
examples = ['acme badge-123456']
counterexamples = ['acme badge-000000', 'badge-123456']
";

#[test]
fn a_rule_that_keeps_its_word_is_ok_on_each_engine() {
    let folder = Folder::new();
    folder.write("own.toml", OWN);
    let output = folder.penstock(&["rules", "test", "own.toml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(
        stdout(&output),
        "own.toml: ok: 1 rule, 3 examples, 0 warnings, on vectorscan and portable\n"
    );
}

#[test]
fn an_example_that_fails_is_told_by_its_number_with_the_reason() {
    let folder = Folder::new();
    let examples = "examples = ['acme badge-123456', 'badge-654321', 'acme badge-111111', 'other']";
    let wrong = OWN.replace("examples = ['acme badge-123456']", examples);
    let wrong = wrong.replace("'badge-123456']", "'acme badge-132435']");
    folder.write("own.toml", &wrong);
    let output = folder.penstock(&["rules", "test", "own.toml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
    let told = stdout(&output);
    let example = |number: usize, why: &str| {
        format!("error: own.toml: rule `acme-badge`: example {number} is not found: {why}\n")
    };
    // Once, as the engines agree.
    assert_eq!(
        told,
        [
            example(2, "no word of the context stands beside it"),
            example(3, "its entropy is 0.00 bits a byte, which is too little"),
            example(4, "the regex does not match"),
            "error: own.toml: rule `acme-badge`: counterexample 2 is found\n".to_owned(),
            "own.toml: 4 errors: 1 rule, 6 examples, 0 warnings, on vectorscan and portable\n"
                .to_owned(),
        ]
        .concat()
    );
    assert!(!told.contains("654321"), "an example may be a secret");
}

#[test]
fn a_rule_without_examples_and_one_that_is_slow_are_warned_of() {
    let folder = Folder::new();
    folder.write("own.toml", "[[rules]]\nid = 'own'\nregex = '[a-z]{4}'\n");
    let output = folder.penstock(&["rules", "test", "own.toml"]);
    assert_eq!(code(&output), 0);
    let told = stdout(&output);
    assert!(told.contains("warning: own.toml: rule `own`: it has no examples"), "{told}");
    assert!(told.contains("warning: own.toml: rule `own`: it is asked everywhere"), "{told}");
    assert!(told.contains("own.toml: ok: 1 rule, 0 examples, 2 warnings"), "{told}");
}

#[test]
fn a_rule_is_explained_with_its_examples_masked() {
    let folder = Folder::new();
    folder.write("own.toml", OWN);
    let output = folder.penstock(&["rules", "explain", "--rules", "own.toml", "acme-badge"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(
        stdout(&output),
        "acme-badge
  description  Badge of Acme
  class        national-id
  action       report
  regex        badge-([0-9]{6})
  secret       group 1 of the regex
  keywords     anywhere in the text, one of: badge
  entropy      1.5 bits a byte or more
  context      beside it must stand one of: acme
  allowlist    not where the secret has one of: 000000
  looked for   in every match, one of: badge-
  example      acme badge-<6 characters>
  not this     acme badge-000000
  not this     badge-123456\n"
    );
    let output = folder.penstock(&["rules", "explain", "--rules", "own.toml", "acme-bagde"]);
    assert_eq!(code(&output), 64);
    assert!(stderr(&output).ends_with("help: did you mean `acme-badge`?\n"), "{}", stderr(&output));
    let output = folder.penstock(&["rules", "explain", "payment-card"]);
    assert!(stdout(&output).contains("\n  validator    card\n"), "{}", stdout(&output));
    let output = folder.penstock(&["rules", "explain", "payment-crad"]);
    assert_eq!(code(&output), 64);
    assert!(stderr(&output).contains("did you mean one of: payment-card"), "{}", stderr(&output));
}

#[test]
fn the_page_names_every_validator_and_its_rules_work() {
    let page = include_str!("../../../../docs/rules.md");
    for validator in Validator::ALL {
        assert!(page.contains(&format!("`{}`", validator.name())), "{}", validator.name());
    }
    let folder = Folder::new();
    for sample in ["## A first file", "## Change a rule"] {
        let (_, section) = page.split_once(sample).expect("the section");
        let (_, block) = section.split_once("```toml\n").expect("the example");
        let (rules, _) = block.split_once("\n```").expect("its end");
        folder.write("acme.toml", rules);
        let output = folder.penstock(&["rules", "test", "acme.toml"]);
        let said = stdout(&output) + &stderr(&output);
        assert_eq!(code(&output), 0, "{said}");
        assert!(said.starts_with("acme.toml: ok: ") && said.contains(" 0 warnings"), "{said}");
        folder.write("p.yaml", &format!("{HEAD}inspection: {{ rules: [acme.toml] }}\n"));
        let output = folder.penstock(&["check", "p.yaml"]);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        assert!(stdout(&output).starts_with("p.yaml: ok: "), "{}", stdout(&output));
    }
}

/// What a configuration calls a class is what a rule calls it.
#[test]
fn every_class_can_be_named_in_a_configuration() {
    let classes = penstock_inspect::Class::ALL.map(penstock_inspect::Class::name);
    assert_eq!(penstock_config::CLASSES, classes);
    assert_eq!(penstock_config::INSPECTION_KEY_CHARS_MIN, penstock_inspect::KEY_CHARS_MIN);
    let page = include_str!("../../../../docs/keep-secrets-out.md");
    let all: Vec<_> = classes.iter().map(|class| format!("`{class}`")).collect();
    assert!(page.replace('\n', " ").contains(&format!("a class: {}.", all.join(", "))));
}
