use std::path::Path;

use super::{Marks, Stands};
use crate::requirements::samples;

fn rust(source: &str) -> Marks {
    let mut marks = Marks::default();
    marks.read_rust(Path::new("a/tests.rs"), source, &samples::list());
    marks
}

fn script(source: &str) -> Marks {
    let mut marks = Marks::default();
    marks.read_script(Path::new("tests/drill/close.pkt"), source, &samples::list());
    marks
}

fn summary(marks: &Marks) -> Vec<(&str, usize, &str, &str)> {
    marks
        .marks
        .iter()
        .map(|mark| (mark.id.as_str(), mark.line, mark.test.as_str(), mark.shows.as_str()))
        .collect()
}

#[test]
fn marks_stand_above_an_assertion_or_behind_it() {
    let marks = rust(
        "#[test]\nfn closes() {\n    let a = 1;\n    // RFC9293-MUST-1, RFC9293-MUST-2: why\n    // More of it.\n\
         \n    assert_eq!(\n        a, 1\n    );\n    for _ in a {\n        assert!(a); // RFC9293-MAY-1 (x)\n    }\n}\n",
    );
    assert_eq!(
        summary(&marks),
        [
            ("RFC9293-MUST-1", 4, "closes", "assert_eq!("),
            ("RFC9293-MUST-2", 4, "closes", "assert_eq!("),
            ("RFC9293-MAY-1", 11, "closes", "assert!(a); // RFC9293-MAY-1 (x)"),
        ]
    );
    assert!(marks.marks.iter().all(|mark| mark.stands == Stands::AtAssertion));
    assert_eq!(marks.wrong, [""; 0]);
}

#[test]
fn marks_may_stand_above_a_whole_test() {
    let marks = rust("/// RFC9293-MUST-1: so it is.\n#[test]\nfn opens() {\n}\n");
    assert_eq!(summary(&marks), [("RFC9293-MUST-1", 1, "opens", "fn opens() {")]);
    assert_eq!(marks.marks[0].stands, Stands::AboveTest);
}

#[test]
fn what_is_no_mark_is_told_with_its_place() {
    let cases = [
        ("fn f() {\n    // RFC9293-MUST-1\n    assert!(true);\n}\n", "is named outside of a test"),
        ("#[test]\nfn f() {\n    // RFC9293-MUST-1\n    let a = 1;\n    assert!(a);\n}\n", "no assertion"),
        ("#[test]\nfn f() {\n    assert!(a);\n    // RFC9293-MUST-1\n}\n", "no assertion"),
        ("#[test]\nfn f() {\n    // RFC9293-MUST-9\n    assert!(a);\n}\n", "is not in the list"),
        ("#[test]\nfn f() {\n    // RFC1-R1\n    assert!(a);\n}\n", "is not in the list"),
        ("#[test]\nfn f() {\n    // See RFC9293-MUST-1\n    assert!(a);\n}\n", "not at the begin"),
        (
            "#[test]\nfn f() {\n    // RFC9293-MUST-1; RFC9293-MUST-2\n    assert!(a);\n}\n",
            "not at the begin",
        ),
        ("#[test]\nfn f() {\n    // RFC9293-MUST-1's like\n    assert!(a);\n}\n", "neither a colon"),
    ];
    for (source, why) in cases {
        let marks = rust(source);
        assert_eq!(marks.marks, [], "{source}");
        assert_eq!(marks.wrong.len(), 1, "{source}");
        assert!(marks.wrong[0].starts_with("a/tests.rs:"), "{}", marks.wrong[0]);
        assert!(marks.wrong[0].contains(why), "{} has not: {why}", marks.wrong[0]);
    }
}

#[test]
fn what_strings_hold_is_no_mark() {
    let marks = rust("#[test]\nfn f() {\n    assert_eq!(a, \"// RFC9293-MUST-1\");\n}\n");
    assert_eq!((marks.marks, marks.wrong), (vec![], vec![]));
}

#[test]
fn packet_scripts_are_marked_at_their_lines() {
    let marks = script(
        "# RFC9293-MUST-1, RFC9293-MUST-3 not (RFC9293-MAY-1).\n\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
         // RFC9293-MAY-1\n+0 > . 1:1(0) ack 2\n+0 > F. 2:2(0) ack 1 // RFC9293-MUST-2\n",
    );
    assert_eq!(
        summary(&marks),
        [
            ("RFC9293-MUST-1", 1, "close", "# RFC9293-MUST-1, RFC9293-MUST-3 not (RFC9293-MAY-1)."),
            ("RFC9293-MUST-3", 1, "close", "# RFC9293-MUST-1, RFC9293-MUST-3 not (RFC9293-MAY-1)."),
            ("RFC9293-MAY-1", 4, "close", "+0 > . 1:1(0) ack 2"),
            ("RFC9293-MUST-2", 6, "close", "+0 > F. 2:2(0) ack 1 // RFC9293-MUST-2"),
        ]
    );
    let stands: Vec<Stands> = marks.marks.iter().map(|mark| mark.stands).collect();
    assert_eq!(stands, [Stands::InHead, Stands::InHead, Stands::AtAssertion, Stands::AtAssertion]);
    let arrives = script("0 close(3) = 0\n+0 < F. 2:2(0) ack 1 // RFC9293-MUST-1\n");
    assert!(arrives.marks.is_empty() && arrives.wrong[0].contains("asserts nothing"), "{:?}", arrives.wrong);
    assert_eq!(script("0 close(3) = 0\n# RFC9293-MUST-1\n").wrong.len(), 1, "nothing follows");
}
