//! What the head of a column says, in every form that tables come in.

use std::sync::LazyLock;

use serde_json::json;

use super::{found, inspector, redacted_text};
use crate::{EngineKind, Form, Inspector};

static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| inspector(EngineKind::BEST));

const CSV: &str = "id,full_name,date_of_birth,ssn,phone\n\
                   7,Ann Lee,1984-03-12,536221847,0171 5550123\n\
                   8,\"Day, Jo\",\"March 3, 1990\",,\n";
const MARKDOWN: &str = "| id | birthday | created |\n|---|:--|---|\n\
                        | 1 | 1984-03-12 | 2024-01-01 |\n| 2 | 12.03.1990 | 2024-01-02 |\n";
const SQL: &str = "INSERT INTO people (id, name, dob, created_at) VALUES\n\
                   (1, 'O''Neil', '1984-03-12', '2024-01-01'),\n(2, 'Jo', '1990-01-02', NULL);";

fn classes(text: &str, form: Form) -> Vec<(String, String)> {
    let inspector = &*INSPECTOR;
    let class = |id: &str| {
        let rule = inspector.rules().iter().find(|rule| rule.id == id).expect("a rule");
        rule.class.name().to_owned()
    };
    let all = found(inspector, text.as_bytes(), form);
    let mut all: Vec<_> = all.into_iter().map(|(rule, secret, _)| (class(&rule), secret)).collect();
    all.dedup();
    all
}

fn dates(text: &str, form: Form) -> Vec<String> {
    let all = classes(text, form).into_iter().filter(|(class, _)| class == "birth-date");
    all.map(|(_, secret)| secret).collect()
}

#[test]
fn a_value_is_what_the_head_of_its_column_says() {
    for (table, expected) in [
        (CSV, ["1984-03-12", "March 3, 1990"]),
        (MARKDOWN, ["1984-03-12", "12.03.1990"]),
        (SQL, ["1984-03-12", "1990-01-02"]),
    ] {
        assert_eq!(dates(table, Form::Text), expected, "{table}");
        // In a message, taken apart as JSON or not.
        let message = json!({"content": [{"type": "text", "text": table}], "isError": false});
        assert_eq!(dates(&message.to_string(), Form::Json), expected, "{table}");
        assert_eq!(dates(&message.to_string(), Form::Text), expected, "{table}");
    }
    let all = classes(CSV, Form::Text);
    assert!(all.contains(&("ssn".into(), "536221847".into())), "{all:?}");
    assert!(all.contains(&("phone".into(), "0171 5550123".into())), "{all:?}");
}

/// Names of three letters are sought with what stands beside them.
#[test]
fn a_short_name_is_one_wherever_it_stands() {
    for name in ["dob", "DOB", "user_dob", "dob_at", "birth_date"] {
        for (head, row) in [
            ("id,NAME", "7,1984-03-12"),
            ("id, NAME", "7, 1984-03-12"),
            ("NAME,id", "1984-03-12,7"),
            ("\"NAME\",\"id\"", "\"1984-03-12\",\"7\""),
            ("id;NAME", "7;1984-03-12"),
            ("NAME;id", "1984-03-12;7"),
            ("id;NAME;x", "7;1984-03-12;x"),
            ("id\tNAME", "7\t1984-03-12"),
            ("NAME\tid", "1984-03-12\t7"),
            ("id\tNAME\tx", "7\t1984-03-12\tx"),
            (" id | NAME\n----+-----", "  7 | 1984-03-12"),
            (" NAME | id\n-----+----", " 1984-03-12 | 7"),
            (" id |     NAME    \n----+------------", "  7 | 1984-03-12"),
            ("| NAME | id |\n|---|---|", "| 1984-03-12 | 7 |"),
            ("|id|NAME|\n|---|---|", "|7|1984-03-12|"),
            ("name (full),NAME", "jo,1984-03-12"),
            ("NAME,share (%),at", "1984-03-12,7,x"),
            ("| name (full) | NAME |\n|---|---|", "| jo | 1984-03-12 |"),
            ("INSERT INTO p (id, NAME) VALUES", "(7, '1984-03-12');"),
            ("INSERT INTO p (id,NAME) VALUES", "(7, '1984-03-12');"),
            ("INSERT INTO p (NAME, id) VALUES", "('1984-03-12', 7);"),
            ("INSERT INTO p (`id`, `NAME`) VALUES", "(7, '1984-03-12');"),
        ] {
            let table = format!("{}\n{row}\n", head.replace("NAME", name));
            assert_eq!(dates(&table, Form::Text), ["1984-03-12"], "{table}");
            let message = json!({ "text": table }).to_string();
            assert_eq!(dates(&message, Form::Json), ["1984-03-12"], "{message}");
            assert_eq!(dates(&message, Form::Text), ["1984-03-12"], "{message}");
        }
    }
    for table in ["ssn,name\n536221847,jo\n", "name,ssn\njo,536221847\n"] {
        assert_eq!(classes(table, Form::Text), [("ssn".to_owned(), "536221847".to_owned())]);
    }
}

#[test]
fn a_short_name_is_one_in_a_longer_name_far_above() {
    let note = "n".repeat(80);
    for name in ["SSN", "Employee SSN", "Employee SSN No", "SSN (US)"] {
        for table in [
            format!("id,note,{name}\n1,{note},536221847\n"),
            format!("{name},note,id\n1,{note},1\n536221847,{note},2\n"),
            format!("\"id\",\"note\",\"{name}\"\n\"1\",\"{note}\",\"536221847\"\n"),
            json!([["id", "note", name], ["1", note, "536221847"]]).to_string(),
            json!({"columns": ["note", name], "rows": [[note, 536_221_847]]}).to_string(),
        ] {
            let form = Form::of(table.as_bytes());
            assert_eq!(
                classes(&table, form),
                [("ssn".to_owned(), "536221847".to_owned())],
                "{table}"
            );
        }
    }
}

/// As programs write them, each in its own way.
#[test]
fn a_table_is_one_in_whatever_program_wrote_it() {
    let date = "1984-03-12";
    for table in [
        // With an index, and with names of types.
        ",name,dob\n0,jo,1984-03-12\n",
        "id:ID,dob:date\n7,1984-03-12\n",
        "id:,dob:\n7,1984-03-12\n",
        "| id | dob |\n| 7 | 1984-03-12 |\n",
        // Quotes that hold lines, and quotes that are inches.
        "id,note,dob\n1,\"two\nlines, of it\",1984-03-12\n",
        "id,note,dob\r\n1,\"a \"\"b\"\",\r\n\r\nc\",1984-03-12\r\n",
        "id,part,dob\n1,5\" pipe,1984-03-12\n",
        // Times behind dates.
        "id,dob\n7,1984-03-12 00:00:00\n",
        "id,dob\n7,1984-03-12T00:00:00.000Z\n",
        // Markdown.
        "> | id | dob |\n> |---|---|\n> | 7 | 1984-03-12 |\n",
        "> > id,dob\n> > 7,1984-03-12\n",
        "| **id** | **birthday** |\n|---|---|\n| 7 | **1984-03-12** |\n",
        "| id | dob |\n|---|---|\n| a \\| b | 1984-03-12 |\n",
        // SQL.
        "COPY public.people (id, dob) FROM stdin;\n7\t1984-03-12\n\\.\n",
        "INSERT INTO p (id, dob) VALUES (7, '1984-03-12'::date);",
        "INSERT INTO p (id, dob) VALUES (7, DATE '1984-03-12');",
        "INSERT INTO p (id, dob) VALUES (7, CAST('1984-03-12' AS date));",
        "INSERT INTO p (id, dob) VALUES (7, to_date('1984-03-12', 'YYYY-MM-DD'));",
        // Lines that end as on old machines.
        "id,dob\r7,1984-03-12\r8,\r",
    ] {
        assert_eq!(dates(table, Form::Text), [date], "{table}");
        let message = json!({ "text": table }).to_string();
        assert_eq!(dates(&message, Form::Json), [date], "{message}");
        assert_eq!(dates(&message, Form::Text), [date], "{message}");
    }
    let frame = r#"{"columns":["id","dob"], "index":[0, 1],"data":[[7,"1984-03-12"],[8,"x"]]}"#;
    assert_eq!(dates(frame, Form::Json), [date]);
    assert_eq!(dates(frame, Form::Text), [date]);
}

#[test]
fn arrays_of_json_are_rows_below_the_first_or_below_their_columns() {
    for message in [
        json!([["id", "dob"], [1, "1984-03-12"], [2, "1990-01-02"]]),
        json!({"rows": [["id", "dob"], [1, "1984-03-12"], [2, "1990-01-02"]]}),
    ] {
        assert_eq!(dates(&message.to_string(), Form::Json), ["1984-03-12", "1990-01-02"]);
    }
    let message =
        r#"{"columns":["id","dob","ssn"],"rows":[[1,"1984-03-12",536221847],[2,"x",null]]}"#;
    let clean = redacted_text(&INSPECTOR, message);
    let expected = r#"{"columns":["id","dob","ssn"],"rows":[[1,"[REDACTED:birth-date-value]","[REDACTED:us-ssn-plain]"],[2,"x",null]]}"#;
    assert_eq!(clean, expected);
}

#[test]
fn other_columns_and_other_texts_stay_as_they_are() {
    for text in [
        "id,released,build\n7,1984-03-12,536221847\n8,1990-01-02,536221848\n",
        "| id | created |\n|---|---|\n| 1 | 1984-03-12 |\n",
        "INSERT INTO builds (id, made) VALUES (1, '1984-03-12');",
        r#"[["id","made"],[1,"1984-03-12"]]"#,
        "name, birthday and phone are asked for\n1, 1984-03-12, 3\n",
        "id, dob: yes\n7, 1984-03-12\n",
    ] {
        for form in [Form::Text, Form::Json] {
            assert_eq!(classes(text, form), [], "{text}");
        }
    }
}
