//! What must hold of marks, deviations and unbuilt features, so that a count of them means something.

use std::collections::BTreeSet;
use std::path::Path;

use super::list::{Level, List};
use super::marks::{Marks, Stands};
use super::report::Status;

/// The documents of TCP: each MUST has a test or a reason, and their marks stand at assertions.
pub const TCP: [&str; 8] = ["9293", "7323", "2018", "5961", "6298", "6528", "6056", "5681"];

/// The fewest characters that can argue something.
const REASON: usize = 40;

/// Everything that is wrong, each in a line.
pub fn wrong(root: &Path, list: &List, marks: &Marks) -> Vec<String> {
    let mut wrong = marks.wrong.clone();
    wrong.extend(wrong_marks(list, marks));
    wrong.extend(wrong_deviations(root, list, marks));
    wrong.extend(wrong_unbuilt(list, marks));
    for requirement in &list.requirements {
        let owed = requirement.level == Level::Must && TCP.contains(&requirement.rfc.as_str());
        if owed && !matches!(Status::of(requirement, list, marks), Status::Tested | Status::Deviation) {
            wrong.push(format!("{}: neither a test nor a deviation", requirement.id));
        }
    }
    wrong
}

fn wrong_marks(list: &List, marks: &Marks) -> Vec<String> {
    let of_tcp = |id: &str| list.get(id).is_some_and(|it| TCP.contains(&it.rfc.as_str()));
    let above = |mark: &&super::marks::Mark| mark.stands == Stands::AboveTest && of_tcp(&mark.id);
    let tell = |mark: &super::marks::Mark| {
        format!("{}:{}: {} must stand at an assertion", mark.file.display(), mark.line, mark.id)
    };
    marks.marks.iter().filter(above).map(tell).collect()
}

fn wrong_deviations(root: &Path, list: &List, marks: &Marks) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for deviation in &list.deviations {
        let names = deviation.ids.join(", ");
        if deviation.reason.trim().len() < REASON {
            wrong.push(format!("deviation {names}: it has no reason"));
        }
        if deviation.ids.is_empty() {
            wrong.push(format!("a deviation names no requirement: {}", deviation.reason.trim()));
        }
        if let Some(code) = deviation.code.as_ref().filter(|code| !root.join(code).is_file()) {
            wrong.push(format!("deviation {names}: there is no {code}"));
        }
        for id in &deviation.ids {
            if list.get(id).is_none() {
                wrong.push(format!("deviation {id}: it is not in the list"));
            }
            if !seen.insert(id) {
                wrong.push(format!("deviation {id}: it is there twice"));
            }
            if let Some(mark) = marks.of(id).next() {
                let (file, line) = (mark.file.display(), mark.line);
                wrong.push(format!("deviation {id}: a test claims that it is met, {file}:{line}"));
            }
        }
    }
    wrong
}

fn wrong_unbuilt(list: &List, marks: &Marks) -> Vec<String> {
    let mut wrong = Vec::new();
    for unbuilt in &list.unbuilt {
        let feature = &unbuilt.feature;
        let known = |rfc: &String| list.requirements.iter().any(|requirement| requirement.rfc == *rfc);
        let unknown_rfcs = unbuilt.rfcs.iter().filter(|rfc| !known(rfc));
        let unknown_ids = unbuilt.ids.iter().filter(|id| list.get(id).is_none());
        for name in unknown_rfcs.chain(unknown_ids) {
            wrong.push(format!("unbuilt {feature}: {name} is not in the list"));
        }
    }
    for requirement in &list.requirements {
        let Some(unbuilt) = list.unbuilt(requirement) else { continue };
        let (id, feature) = (&requirement.id, &unbuilt.feature);
        if let Some(mark) = marks.of(id).next() {
            let (file, line) = (mark.file.display(), mark.line);
            wrong.push(format!("unbuilt {feature}: a test shows {id}, {file}:{line}"));
        }
        if list.deviation(id).is_some() {
            wrong.push(format!("unbuilt {feature}: {id} is a deviation too"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::wrong;
    use crate::requirements::list::{Deviation, List, Unbuilt};
    use crate::requirements::marks::{Marks, Stands};
    use crate::requirements::samples;

    /// What is wrong with the sample once it is changed.
    fn wrong_with(change: impl FnOnce(&mut List, &mut Marks)) -> Vec<String> {
        let (mut list, mut marks) = (samples::list(), samples::marks());
        // The sample misses one MUST of TCP, and its deviation names no file of ours.
        let mut requirements = list.requirements;
        requirements.retain(|requirement| requirement.id != "RFC9293-MUST-3");
        list.deviations[0].code = None;
        let mut list = List::new(requirements, list.deviations, list.unbuilt).unwrap();
        change(&mut list, &mut marks);
        wrong(Path::new("/"), &list, &marks)
    }

    #[test]
    fn what_is_in_order_is_left_alone() {
        assert_eq!(wrong_with(|_, _| ()), [""; 0]);
    }

    #[test]
    fn a_must_of_tcp_needs_a_test_or_a_reason() {
        let missing = wrong_with(|_, marks| marks.marks.clear());
        assert_eq!(missing, ["RFC9293-MUST-1: neither a test nor a deviation"]);
        let unbuilt = wrong_with(|list, marks| {
            marks.marks.clear();
            let ids = vec!["RFC9293-MUST-1".to_owned()];
            list.unbuilt.push(Unbuilt { feature: "it".to_owned(), rfcs: vec![], ids });
        });
        assert_eq!(unbuilt, ["RFC9293-MUST-1: neither a test nor a deviation"]);
    }

    #[test]
    fn marks_of_tcp_stand_at_assertions() {
        let above = wrong_with(|_, marks| marks.marks[0].stands = Stands::AboveTest);
        assert_eq!(above, ["a/tests.rs:3: RFC9293-MUST-1 must stand at an assertion"]);
    }

    #[test]
    fn deviations_are_argued_once_and_are_not_tested() {
        let reason = "It is long enough to argue that the peer is better off so.".to_owned();
        let other = |id: &str, reason: &str| Deviation {
            ids: vec![id.to_owned()],
            reason: reason.to_owned(),
            code: None,
        };
        let cases: [(Deviation, &str); 5] = [
            (other("RFC9293-MAY-1", "because"), "deviation RFC9293-MAY-1: it has no reason"),
            (other("RFC9293-MUST-99", &reason), "deviation RFC9293-MUST-99: it is not in the list"),
            (other("RFC9293-MUST-2", &reason), "deviation RFC9293-MUST-2: it is there twice"),
            (
                other("RFC9293-MUST-1", &reason),
                "deviation RFC9293-MUST-1: a test claims that it is met, a/tests.rs:3",
            ),
            (
                Deviation { code: Some("no/such.rs".to_owned()), ..other("RFC8446-R1", &reason) },
                "deviation RFC8446-R1: there is no no/such.rs",
            ),
        ];
        for (deviation, why) in cases {
            let found = wrong_with(|list, _| {
                if deviation.ids[0] != "RFC9293-MAY-1" {
                    list.unbuilt.retain(|unbuilt| unbuilt.feature != "TLS");
                } else {
                    list.unbuilt.clear();
                }
                list.deviations.push(deviation);
            });
            assert_eq!(found, [why]);
        }
    }

    #[test]
    fn what_is_not_built_has_neither_tests_nor_deviations() {
        let found = wrong_with(|list, _| list.unbuilt[0].ids.push("RFC9293-MUST-2".to_owned()));
        assert_eq!(found, ["unbuilt TLS: RFC9293-MUST-2 is a deviation too"]);
        let found = wrong_with(|list, _| list.unbuilt[0].ids.push("RFC9293-MUST-1".to_owned()));
        assert_eq!(found, ["unbuilt TLS: a test shows RFC9293-MUST-1, a/tests.rs:3"]);
        let found = wrong_with(|list, _| list.unbuilt[0].rfcs.push("1".to_owned()));
        assert_eq!(found, ["unbuilt TLS: 1 is not in the list"]);
    }
}
