//! A small list and its marks, for tests.

use std::path::PathBuf;

use super::list::{Deviation, Level, List, Requirement, Unbuilt};
use super::marks::{Mark, Marks, Stands};

pub fn requirement(id: &str, rfc: &str, level: Level) -> Requirement {
    Requirement {
        id: id.to_owned(),
        layer: if rfc == "8446" { "tls" } else { "tcp" }.to_owned(),
        rfc: rfc.to_owned(),
        section: "3.1".to_owned(),
        level,
        check: "wire".to_owned(),
        statement: format!("What {id} says."),
        verified: true,
        successor: None,
        note: None,
    }
}

/// Five requirements: one that [`marks`] shows, a deviation, a missing one, and two that are not built.
pub fn list() -> List {
    let requirements = vec![
        requirement("RFC9293-MUST-1", "9293", Level::Must),
        requirement("RFC9293-MUST-2", "9293", Level::Must),
        requirement("RFC9293-MUST-3", "9293", Level::Must),
        requirement("RFC9293-MAY-1", "9293", Level::May),
        requirement("RFC8446-R1", "8446", Level::Must),
    ];
    let deviation = Deviation {
        ids: vec!["RFC9293-MUST-2".to_owned()],
        reason: "It is better so, and here it is said why.".to_owned(),
        code: Some("src/a.rs".to_owned()),
    };
    let unbuilt = [("TLS", vec!["8446"], vec![]), ("a half-duplex close", vec![], vec!["RFC9293-MAY-1"])]
        .map(|(feature, rfcs, ids)| Unbuilt {
            feature: feature.to_owned(),
            rfcs: rfcs.into_iter().map(str::to_owned).collect(),
            ids: ids.into_iter().map(str::to_owned).collect(),
        });
    List::new(requirements, vec![deviation], unbuilt.into()).expect("the ids differ")
}

pub fn marks() -> Marks {
    let mark = Mark {
        id: "RFC9293-MUST-1".to_owned(),
        file: PathBuf::from("a/tests.rs"),
        line: 3,
        test: "shows".to_owned(),
        stands: Stands::AtAssertion,
        shows: "assert!(shown);".to_owned(),
    };
    Marks { marks: vec![mark], wrong: vec![] }
}
