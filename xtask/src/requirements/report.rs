//! What is shown, what is not, and how it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::list::{Level, List, Requirement};
use super::marks::{Mark, Marks, Stands};

/// What is known of a requirement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// A test names it.
    Tested,
    /// It is done otherwise, for a reason.
    Deviation,
    /// It belongs to a feature that is not built.
    Unbuilt,
    /// None of these.
    Missing,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Tested, Status::Deviation, Status::Unbuilt, Status::Missing];

    pub fn name(self) -> &'static str {
        match self {
            Status::Tested => "tested",
            Status::Deviation => "deviations",
            Status::Unbuilt => "unbuilt",
            Status::Missing => "missing",
        }
    }

    pub fn of(requirement: &Requirement, list: &List, marks: &Marks) -> Status {
        if marks.of(&requirement.id).next().is_some() {
            Status::Tested
        } else if list.deviation(&requirement.id).is_some() {
            Status::Deviation
        } else if list.unbuilt(requirement).is_some() {
            Status::Unbuilt
        } else {
            Status::Missing
        }
    }
}

/// Which requirements are asked for; an empty set is all.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub rfcs: BTreeSet<String>,
    pub layers: BTreeSet<String>,
    pub levels: BTreeSet<Level>,
}

impl Filter {
    pub fn takes(&self, requirement: &Requirement) -> bool {
        (self.rfcs.is_empty() || self.rfcs.contains(&requirement.rfc))
            && (self.layers.is_empty() || self.layers.contains(&requirement.layer))
            && (self.levels.is_empty() || self.levels.contains(&requirement.level))
    }
}

/// Tells of all that a filter takes.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub list: &'a List,
    pub marks: &'a Marks,
    pub filter: &'a Filter,
}

/// How many of each level have which status.
type Counts = [[usize; 4]; 3];

impl<'a> Report<'a> {
    fn requirements(self) -> impl Iterator<Item = &'a Requirement> {
        self.list.requirements.iter().filter(move |requirement| self.filter.takes(requirement))
    }

    fn status(self, requirement: &Requirement) -> Status {
        Status::of(requirement, self.list, self.marks)
    }

    /// The table per layer and document, with sums.
    pub fn table(self) -> String {
        // Layers in the order of the list.
        let mut layers: Vec<&str> = Vec::new();
        let mut rows: BTreeMap<(&str, String), Counts> = BTreeMap::new();
        for requirement in self.requirements() {
            if !layers.contains(&requirement.layer.as_str()) {
                layers.push(&requirement.layer);
            }
            let status = self.status(requirement);
            let counts = rows.entry((&requirement.layer, requirement.document())).or_default();
            counts[requirement.level as usize][status as usize] += 1;
        }
        let width = rows.keys().map(|(_, document)| document.len()).max().unwrap_or(0).max(8);
        let mut out = String::new();
        let columns = "test  dev  unb miss";
        let _ = writeln!(out, "{:8} {:width$}  {:^19}   {:^19}   {:^19}", "", "", "MUST", "SHOULD", "MAY");
        let _ = writeln!(out, "{:8} {:width$}  {columns}   {columns}   {columns}", "layer", "document");
        let mut total = Counts::default();
        for layer in layers {
            let mut sum = Counts::default();
            let of_layer: Vec<_> = rows.iter().filter(|((of, _), _)| *of == layer).collect();
            for ((_, document), counts) in &of_layer {
                add(&mut sum, counts);
                let _ = writeln!(out, "{layer:8} {document:width$}  {}", cells(counts));
            }
            if of_layer.len() > 1 {
                let _ = writeln!(out, "{layer:8} {:width$}  {}", "together", cells(&sum));
            }
            add(&mut total, &sum);
        }
        let _ = writeln!(out, "{:8} {:width$}  {}", "all", "", cells(&total));
        out.push_str(
            "test: a test names it; dev: a deviation with a reason; unb: of a feature that is not built; ",
        );
        out.push_str("miss: none of these\n");
        out
    }

    /// The ids of what is missing, per document.
    pub fn rest(self) -> String {
        let mut out = String::new();
        for level in Level::ALL {
            let mut documents: Vec<(String, Vec<&str>)> = Vec::new();
            let missing = |requirement: &&Requirement| {
                requirement.level == level && self.status(requirement) == Status::Missing
            };
            for requirement in self.requirements().filter(missing) {
                let document = requirement.document();
                match documents.iter_mut().find(|(known, _)| *known == document) {
                    Some((_, ids)) => ids.push(&requirement.id),
                    None => documents.push((document, vec![&requirement.id])),
                }
            }
            for (document, ids) in documents {
                let short = |id: &&str| id.split_once('-').map_or(*id, |(_, label)| label).to_owned();
                let ids: Vec<String> = ids.iter().map(short).collect();
                let head = format!("missing {} of {document}: ", level.name());
                out.push_str(&wrapped(&head, &ids, ", "));
            }
        }
        out
    }

    /// Each requirement of one status, with its statement, and its reason where it has one.
    pub fn listed(self, status: Status) -> String {
        let mut out = String::new();
        for requirement in self.requirements().filter(|requirement| self.status(requirement) == status) {
            out.push_str(&self.head(requirement));
            match status {
                Status::Tested => {
                    for mark in self.marks.of(&requirement.id) {
                        let _ = writeln!(out, "    {}", place(mark));
                    }
                }
                Status::Deviation | Status::Unbuilt => out.push_str(&self.reason(requirement)),
                Status::Missing => {}
            }
        }
        out
    }

    /// All that is known of one requirement.
    pub fn explained(self, requirement: &Requirement) -> String {
        let mut out = self.head(requirement);
        let checked = if requirement.verified { "" } else { "; not compared with the document" };
        let _ = writeln!(
            out,
            "    layer {}, settled by a test of kind {}{checked}",
            requirement.layer, requirement.check
        );
        if let Some(successor) = &requirement.successor {
            let _ = writeln!(out, "    replaced by {successor}");
        }
        if let Some(note) = &requirement.note {
            out.push_str(&paragraph("    note: ", note));
        }
        match self.status(requirement) {
            Status::Tested => {
                for mark in self.marks.of(&requirement.id) {
                    out.push_str(&asserted(mark));
                }
            }
            Status::Deviation | Status::Unbuilt => out.push_str(&self.reason(requirement)),
            Status::Missing => out.push_str("  no test names it\n"),
        }
        out
    }

    /// A requirement, and one of its marks.
    pub fn marked(self, requirement: &Requirement, mark: &Mark) -> String {
        self.head(requirement) + &asserted(mark)
    }

    fn head(self, requirement: &Requirement) -> String {
        let Requirement { id, section, level, statement, .. } = requirement;
        let section = if section.is_empty() { String::new() } else { format!(" {section}") };
        let head = format!("{id}  {}, {}{section}\n", level.name(), requirement.document());
        head + &paragraph("    ", statement)
    }

    fn reason(self, requirement: &Requirement) -> String {
        if let Some(deviation) = self.list.deviation(&requirement.id) {
            let code = deviation.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
            return paragraph("  deviation: ", &format!("{}{code}", deviation.reason.trim()));
        }
        let unbuilt = self.list.unbuilt(requirement).map(|unbuilt| unbuilt.feature.as_str());
        paragraph("  not built: ", unbuilt.unwrap_or_default())
    }
}

fn asserted(mark: &Mark) -> String {
    format!("  {}\n      {}\n", place(mark), mark.shows)
}

fn place(mark: &Mark) -> String {
    let whole = match mark.stands {
        Stands::AtAssertion => "",
        Stands::InHead => " (the whole script)",
        Stands::AboveTest => " (the whole test)",
    };
    format!("{}:{}  {}{whole}", mark.file.display(), mark.line, mark.test)
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (sum, count) in sum.iter_mut().flatten().zip(counts.iter().flatten()) {
        *sum += count;
    }
}

fn cells(counts: &Counts) -> String {
    let number = |count: &usize| if *count == 0 { "·".to_owned() } else { count.to_string() };
    let level = |of_level: &[usize; 4]| {
        let cells: Vec<String> = of_level.iter().map(|count| format!("{:>4}", number(count))).collect();
        cells.join(" ")
    };
    counts.iter().map(level).collect::<Vec<_>>().join("   ").trim_end().to_owned()
}

fn paragraph(head: &str, text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    wrapped(head, &words, " ")
}

/// Words in lines of at most 110 characters, indented below the first one's head.
fn wrapped(head: &str, words: &[String], between: &str) -> String {
    let mut out = head.to_owned();
    let mut column = head.chars().count();
    for (at, word) in words.iter().enumerate() {
        let last = at + 1 == words.len();
        let word = if last { word.clone() } else { format!("{word}{between}") };
        if column + word.trim_end().chars().count() > 110 && at > 0 {
            out.truncate(out.trim_end().len());
            out.push_str("\n    ");
            column = 4;
        }
        out.push_str(&word);
        column += word.chars().count();
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::{Filter, Report, Status};
    use crate::requirements::list::Level;
    use crate::requirements::samples;

    #[test]
    fn each_requirement_is_counted_once_where_it_belongs() {
        let (list, marks) = (samples::list(), samples::marks());
        let filter = Filter::default();
        let report = Report { list: &list, marks: &marks, filter: &filter };
        let table = report.table();
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let dots = |counts: [&'static str; 12]| counts.to_vec();
        let expected =
            [vec!["tcp", "RFC", "9293"], dots(["1", "1", "·", "1", "·", "·", "·", "·", "·", "·", "1", "·"])];
        assert!(rows.contains(&expected.concat()), "{table}");
        let expected = [vec!["all"], dots(["1", "1", "1", "1", "·", "·", "·", "·", "·", "·", "1", "·"])];
        assert!(rows.contains(&expected.concat()), "{table}");
        assert_eq!(report.rest(), "missing MUST of RFC 9293: MUST-3\n");
    }

    #[test]
    fn a_filter_takes_documents_layers_and_levels() {
        let (list, marks) = (samples::list(), samples::marks());
        for (filter, ids) in [
            (Filter { rfcs: ["8446".to_owned()].into(), ..Filter::default() }, vec!["RFC8446-R1"]),
            (Filter { layers: ["tls".to_owned()].into(), ..Filter::default() }, vec!["RFC8446-R1"]),
            (Filter { levels: [Level::May].into(), ..Filter::default() }, vec!["RFC9293-MAY-1"]),
        ] {
            let report = Report { list: &list, marks: &marks, filter: &filter };
            let taken: Vec<&str> = report.requirements().map(|requirement| requirement.id.as_str()).collect();
            assert_eq!(taken, ids);
        }
    }

    #[test]
    fn a_list_gives_statements_places_and_reasons() {
        let (list, marks) = (samples::list(), samples::marks());
        let filter = Filter::default();
        let report = Report { list: &list, marks: &marks, filter: &filter };
        let tested = report.listed(Status::Tested);
        assert!(
            tested.contains("RFC9293-MUST-1  MUST, RFC 9293 3.1\n    What RFC9293-MUST-1 says.\n"),
            "{tested}"
        );
        assert!(tested.contains("a/tests.rs:3  shows\n"), "{tested}");
        let deviations = report.listed(Status::Deviation);
        assert!(
            deviations.contains("deviation: It is better so, and here it is said why. [src/a.rs]\n"),
            "{deviations}"
        );
        assert!(report.listed(Status::Unbuilt).contains("not built: TLS"));
        assert_eq!(report.listed(Status::Missing).matches("RFC9293-MUST-3  ").count(), 1);
        let explained = report.explained(list.get("RFC9293-MUST-1").unwrap());
        assert!(explained.contains("assert!(shown);\n"), "{explained}");
    }
}
