//! Values that a model uses and never sees.

use super::*;

/// What a call of a tool with these arguments becomes on its way to the server.
fn opened(policy: &Policy, tool: &str, arguments: &Value) -> Outcome {
    let call = call(tool, arguments);
    policy.open(call.as_bytes(), Form::Json, Some(tool), &mut |_| {})
}

fn call(tool: &str, arguments: &Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

/// The arguments that the server gets.
fn arguments(outcome: &Outcome) -> Value {
    let Outcome::Changed(call) = outcome else { panic!("{outcome:?}") };
    let call: Value = serde_json::from_slice(call).expect("JSON");
    call["params"]["arguments"].clone()
}

fn tokens() -> Policy {
    policy(&[class(Class::Card, Action::Tokenise), class(Class::Secret, Action::Tokenise)])
}

/// The placeholder of a card.
fn placeholder(policy: &Policy) -> String {
    let sealed: Value =
        serde_json::from_str(&changed(policy, &json!([CARD]).to_string())).expect("JSON");
    sealed[0].as_str().expect("text").to_owned()
}

#[test]
fn a_value_comes_back_for_the_tools_that_may_have_it() {
    let policy = tokens();
    let card = placeholder(&policy);
    assert!(card.starts_with("[SEALED:card:") && !card.contains("4111"), "{card}");
    let told = json!({"to": "x", "cards": [card, format!("{card} and {card}.")]});
    let given = json!({"to": "x", "cards": [CARD, format!("{CARD} and {CARD}.")]});
    for tool in ["transfer", "pay_bill"] {
        assert_eq!(arguments(&opened(&policy, tool, &told)), given);
    }
    for tool in ["search", "Transfer", "transfers", "pay"] {
        assert_eq!(opened(&policy, tool, &told), Outcome::Unchanged, "{tool}");
    }
    let call = call("transfer", &told);
    assert_eq!(policy.open(call.as_bytes(), Form::Json, None, &mut |_| {}), Outcome::Unchanged);
    assert_eq!(opened(&policy, "transfer", &json!({"a": CARD})), Outcome::Unchanged);
}

#[test]
fn the_same_value_has_the_same_placeholder_and_passes_inspection() {
    let policy = tokens();
    let card = placeholder(&policy);
    assert_eq!(placeholder(&tokens()), card);
    let call = call("transfer", &json!({"card": card, "note": format!("pay with {card}")}));
    let passed = inspected(&policy, Side::Request, call.as_bytes());
    assert_eq!(passed, (Outcome::Unchanged, vec![]));
}

#[test]
fn only_arguments_are_opened() {
    let policy = tokens();
    let card = placeholder(&policy);
    let params = json!({"_meta": {"a": card}, "name": "transfer", "arguments": {"b": card}});
    let call = json!({"a": card, "params": params, "method": "tools/call"});
    let outcome =
        policy.open(call.to_string().as_bytes(), Form::Json, Some("transfer"), &mut |_| {});
    let Outcome::Changed(bytes) = outcome else { panic!("{outcome:?}") };
    let got: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(got["params"]["arguments"], json!({"b": CARD}));
    assert_eq!((&got["a"], &got["params"]["_meta"]["a"]), (&json!(card), &json!(card)));
    let batch = json!([call]).to_string();
    let outcome = policy.open(batch.as_bytes(), Form::Json, Some("transfer"), &mut |_| {});
    assert_eq!(outcome, Outcome::Unchanged);
}

#[test]
fn a_value_is_escaped_as_its_surroundings_are() {
    let policy = tokens();
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----";
    let inner = json!({"key": key, "path": "C:\\x"}).to_string();
    for depth in 0..3 {
        let mut message = json!({ "key": key });
        for _ in 0..depth {
            message = json!({ "text": message.to_string() });
        }
        let sealed = changed(&policy, &message.to_string());
        assert!(!sealed.contains("MC4CAQ"), "{sealed}");
        let start = sealed.find("[SEALED:secret:").expect("a placeholder");
        let end = start + sealed[start..].find(']').expect("its end") + 1;
        let placeholder = &sealed[start..end];
        // The model writes it where it needs it, and that need not be where it stood.
        let told =
            json!({"a": placeholder, "b": inner.replace(&key.replace('\n', "\\n"), placeholder)});
        let given = json!({"a": key, "b": inner});
        assert_eq!(arguments(&opened(&policy, "transfer", &told)), given, "{depth}");
    }
    let card = placeholder(&policy);
    let prose = json!({"a": format!("he said \"{card}\" {{\"card\"")});
    let got = arguments(&opened(&policy, "transfer", &prose));
    assert_eq!(got["a"], format!("he said \"{CARD}\" {{\"card\""));
    let key = json!({ card.clone(): 1 });
    assert_eq!(arguments(&opened(&policy, "transfer", &key)), json!({ CARD: 1 }));
}

#[test]
fn a_number_is_a_number_again_where_its_placeholder_stands_alone() {
    let policy = tokens();
    let number = 4_111_111_111_111_111_u64;
    let answer = json!({"result": {"content": [{"text": json!({"card": number}).to_string()}]}});
    let sealed: Value = serde_json::from_str(&changed(&policy, &answer.to_string())).expect("JSON");
    let text = sealed["result"]["content"][0]["text"].as_str().expect("text");
    let text: Value = serde_json::from_str(text).expect("JSON");
    let card = text["card"].as_str().expect("a placeholder");
    let told = json!({"card": card, "note": format!("card {card}"), "json": json!([card]).to_string(), "lines": format!("see\n{{\"card\":\"{card}\"}}\n"), card: 1});
    let given = json!({
        "card": number,
        "note": format!("card {number}"),
        "json": json!([number]).to_string(),
        "lines": format!("see\n{{\"card\":{number}}}\n"),
        number.to_string(): 1,
    });
    assert_eq!(arguments(&opened(&policy, "pay_x", &told)), given);
    let text = placeholder(&policy);
    assert_eq!(arguments(&opened(&policy, "pay_x", &json!({"card": text}))), json!({"card": CARD}));
}

#[test]
fn what_is_no_number_in_the_place_of_one_comes_back_as_text() {
    let policy = tokens();
    let broken = r#"{"result":{"content":[{"card":4111111111111111``}]}}"#;
    let mut scratch = policy.scratch().expect("scratch");
    // It is said to be JSON.
    let bytes = broken.as_bytes();
    let sealed = policy.inspect(Side::Response, bytes, Form::Json, &mut scratch, &mut |_| {});
    let Outcome::Changed(sealed) = sealed else { panic!("{sealed:?}") };
    let sealed: Value = serde_json::from_slice(&sealed).expect("JSON");
    let card = sealed["result"]["content"][0]["card"].as_str().expect("a placeholder");
    let got = arguments(&opened(&policy, "pay_x", &json!({"card": card})));
    assert_eq!(got, json!({"card": "4111111111111111``"}));
}

/// A token in it is like any: were it taken for a secret, it would be hidden, or sealed, before anybody saw that it
/// cannot be opened.
#[test]
fn a_secret_that_was_sealed_with_another_key_is_no_secret_and_is_not_opened() {
    let sealed_by = tokens();
    let open_for = ["transfer".to_owned()];
    let actions = [class(Class::Secret, Action::Tokenise)];
    let settings = Settings {
        server: "billing",
        actions: &actions,
        over_limit: OverLimit::Block,
        open_for: &open_for,
    };
    let keys = Arc::new(Keys::random().expect("keys"));
    let policy = Policy::new(Arc::clone(&INSPECTOR), settings, keys).expect("rules");
    for number in 0..100 {
        let message = json!({"password": format!("Tr0ub4dor&3zz{number}")}).to_string();
        let sealed: Value = serde_json::from_str(&changed(&sealed_by, &message)).expect("JSON");
        let sealed = sealed["password"].as_str().expect("a placeholder");
        assert!(sealed.starts_with("[SEALED:secret:"), "{sealed}");
        for arguments in [
            json!({ "password": sealed }),
            json!({"text": format!("the password: {sealed}")}),
            json!({"text": format!("API_TOKEN={sealed} {sealed}, and {sealed}.")}),
            json!({"text": json!({"secret": sealed, "api_key": sealed}).to_string()}),
        ] {
            let call = call("transfer", &arguments);
            let passed = inspected(&policy, Side::Request, call.as_bytes());
            assert_eq!(passed, (Outcome::Unchanged, vec![]), "{call}");
            let outcome = opened(&policy, "transfer", &arguments);
            let is_refused = |outcome: &Outcome| {
                matches!(outcome, Outcome::Blocked(Blocked { why: Why::Token, .. }))
            };
            assert!(is_refused(&outcome), "{outcome:?}");
        }
    }
}

#[test]
fn a_placeholder_that_was_forged_cut_or_moved_is_never_opened() {
    let policy = tokens();
    let card = placeholder(&policy);
    let refused = |policy: &Policy, placeholder: &str| {
        let outcome = opened(policy, "transfer", &json!({"a": [placeholder]}));
        let pointer = "/params/arguments/a/0".to_owned();
        assert_eq!(
            outcome,
            Outcome::Blocked(Blocked { why: Why::Token, pointer }),
            "{placeholder}"
        );
    };
    let settings = |server| Settings {
        server,
        actions: &[],
        over_limit: OverLimit::Block,
        open_for: const { &[String::new()] },
    };
    let open_for = ["transfer".to_owned()];
    let of = |server, keys| {
        let settings = Settings { open_for: &open_for, ..settings(server) };
        Policy::new(Arc::clone(&INSPECTOR), settings, keys).expect("rules")
    };
    refused(&of("search", keys()), &card);
    refused(&of("billing", Arc::new(Keys::random().expect("keys"))), &card);
    assert!(matches!(
        opened(&of("billing", keys()), "transfer", &json!([card])),
        Outcome::Changed(_)
    ));
    refused(&policy, &card.replace(":card:", ":iban:"));
    let token = "[SEALED:card:".len()..card.len() - 1;
    for at in token.clone() {
        let other = if &card[at..=at] == "A" { "B" } else { "A" };
        refused(&policy, &format!("{}{other}{}", &card[..at], &card[at + 1..]));
    }
    let twice = &card[token];
    refused(&policy, &format!("[SEALED:card:{twice}{twice}]"));
    // What is no placeholder to the letter is text.
    for text in [
        card.to_lowercase(),
        card.replace("[SEALED", "[ SEALED"),
        card.replace(":card:", ": card:"),
        card.replace(":card:", ":cards:"),
        card.replace(']', " ]"),
        card[..card.len() - 1].to_owned(),
        card[..card.len() / 2].to_owned() + "]",
        card.replace('[', "&#91;"),
    ] {
        let outcome = opened(&policy, "transfer", &json!({ "a": text }));
        assert!(matches!(outcome, Outcome::Unchanged | Outcome::Blocked(_)), "{text}: {outcome:?}");
    }
    let said = Blocked { why: Why::Token, pointer: "/a".into() }.to_string();
    assert_eq!(
        said,
        "a sealed placeholder at /a that was changed, or sealed for another server or with another key"
    );
}

#[test]
fn what_could_not_be_put_back_is_redacted_and_told_so() {
    let policy = tokens();
    let letters =
        |at: usize| base64(format!("{:x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).as_bytes());
    let body: String =
        (1..300).map(letters).map(|line| line.trim_end_matches('=').to_owned()).collect();
    let long = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
    let messages = [
        json!([base64(json!({"token": TOKEN}).to_string().as_bytes())]),
        json!([format!("https://x/?q=%67{}", &TOKEN[1..])]),
        json!([long]),
    ];
    for message in messages {
        let (outcome, told) = inspected(&policy, Side::Response, message.to_string().as_bytes());
        let Outcome::Changed(clean) = outcome else { panic!("{outcome:?}: {message}") };
        assert!(!String::from_utf8_lossy(&clean).contains("SEALED"), "{message}");
        assert!(told.iter().all(|one| one.1 == REDACT), "{told:?}");
    }
}

#[test]
fn what_is_put_back_has_a_limit() {
    let limits = Limits { message_bytes: 512, ..Limits::default() };
    let set = RuleSet::built_in().expect("rules");
    let inspector = Arc::new(Inspector::new(set, EngineKind::BEST, limits).expect("an engine"));
    let open_for = ["a".to_owned()];
    let settings = Settings {
        server: "billing",
        actions: &[],
        over_limit: OverLimit::Pass,
        open_for: &open_for,
    };
    let small = Policy::new(inspector, settings, keys()).expect("rules");
    let card = placeholder(&tokens());
    let outcome = opened(&small, "a", &json!({"x": " ".repeat(500), "card": card}));
    let Outcome::Blocked(Blocked { why: Why::Limit(_), .. }) = outcome else {
        panic!("{outcome:?}")
    };
}

#[test]
fn text_that_is_no_json_is_sealed_and_never_opened() {
    let policy = tokens();
    let text = format!("card {CARD} é");
    let sealed = changed(&policy, &text);
    assert_eq!(sealed, format!("card {} é", placeholder(&policy)));
    let outcome = policy.open(sealed.as_bytes(), Form::Text, Some("transfer"), &mut |_| {});
    assert_eq!(outcome, Outcome::Unchanged);
}
