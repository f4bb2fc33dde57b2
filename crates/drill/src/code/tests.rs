use super::*;
use crate::script::Action;

/// The failure of the code, or nothing; and what it printed.
fn outcome(code: &str, fields: &[(&'static str, u64)]) -> (Option<String>, Vec<String>) {
    let script = crate::parse(&format!("0 %{{ {code} }}%")).unwrap_or_else(|error| panic!("{error}"));
    let Action::Code(code) = &script.events[0].action else { panic!("no code") };
    let mut scope = Scope { fields: Some(fields.iter().copied().collect()), ..Scope::default() };
    let mut printed = Vec::new();
    let result = run(code, &mut scope, |line| printed.push(line));
    (result.err().map(|broken| format!("{} [{}]", broken.why, broken.values.join(", "))), printed)
}

#[test]
fn expressions_have_the_values_that_python_gives_them() {
    let table = [
        ("1 + 2 * 3 == 7", true),
        ("(1 + 2) * 3 == 9", true),
        ("-7 // 2 == -4 and -7 % 2 == 1", true),
        ("7 // -2 == -4 and 7 % -2 == -1", true),
        ("7 / 2 == 3.5", true),
        ("2 ** 10 == 1024 and -2 ** 2 == -4", true),
        ("1 << 4 | 1 == 17", true),
        ("0x10 & 0x30 ^ 1 == 17", true),
        ("~0 == -1", true),
        ("1 < 2 < 3", true),
        ("1 < 3 < 2", false),
        ("not 1 == 2", true),
        ("1 == 1 or 1 / 0", true),
        ("0 and 1 / 0", false),
        ("3 in (1, 2, 3) and 4 not in [1, 2]", true),
        ("abs(-3) == 3 and min(4, 2, 3) == 2 and max([1, 5]) == 5 and int(2.9) == 2", true),
        ("len((1, 2)) == 2 and len('abc') == 3", true),
        ("True == 1 and None == None and 'a' < 'b'", true),
        ("tcpi_state == TCP_ESTABLISHED", true),
        ("tcpi_options & TCPI_OPT_SACK", true),
        ("tcpi_options & TCPI_OPT_ECN", false),
        ("10 - 2 - 3 == 5", true),
        ("7 // 2 == 4", false),
        ("14600 // 1160 * 2 == 24", true),
        ("7 % 4 == 2", false),
        ("2 ** 3 == 9", false),
    ];
    for (condition, holds) in table {
        let (failure, _) = outcome(&format!("assert {condition}"), &[("tcpi_state", 1), ("tcpi_options", 7)]);
        assert_eq!(failure.is_none(), holds, "{condition}: {failure:?}");
    }
}

#[test]
fn an_assertion_that_does_not_hold_tells_its_message_and_the_values() {
    let fields = [("tcpi_snd_cwnd", 12), ("tcpi_unacked", 3)];
    let (failure, _) = outcome("assert tcpi_snd_cwnd == 10, 'cwnd'", &fields);
    assert_eq!(failure.unwrap(), "the assertion does not hold: cwnd [tcpi_snd_cwnd = 12]");
    let (failure, _) = outcome("assert tcpi_snd_cwnd == tcpi_unacked", &fields);
    assert_eq!(failure.unwrap(), "the assertion does not hold [tcpi_snd_cwnd = 12, tcpi_unacked = 3]");
    let (failure, _) = outcome("assert 1 % 0 == 0", &fields);
    assert_eq!(failure.unwrap(), "division by zero []");
    let (failure, _) = outcome("assert 'a' < 1", &fields);
    assert_eq!(failure.unwrap(), "a string and a whole number have no order []");
    let (failure, _) = outcome("assert 10 ** 60 > 0", &fields);
    assert_eq!(failure.unwrap(), "the result is too large []");
}

#[test]
fn statements_stand_on_lines_or_behind_semicolons_and_assign() {
    let code = "
before = tcpi_snd_cwnd  # a remark
assert before == 10; print(before, 'segments')
assert (before
    + 1 == 11)
print before + 0.5
";
    let (failure, printed) = outcome(code, &[("tcpi_snd_cwnd", 10)]);
    assert_eq!(failure, None);
    assert_eq!(printed, ["10 segments", "10.5"]);
}

#[test]
fn fields_need_a_socket() {
    let script = crate::parse("0 %{ assert tcpi_state == 1 }%").unwrap();
    let Action::Code(code) = &script.events[0].action else { panic!("no code") };
    let broken = run(code, &mut Scope::default(), |_| {}).unwrap_err();
    assert_eq!(broken.why, "tcpi_state has no value: there is no TCP socket to take it from");
}
