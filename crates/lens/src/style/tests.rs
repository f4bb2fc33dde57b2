use super::*;

#[test]
fn text_breaks_between_words_and_long_words_are_cut() {
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("one two", 3), ["one", "two"]);
    assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    assert_eq!(wrap("", 3), [""]);
}

#[test]
fn items_stay_together_where_they_can() {
    let items = ["1 loss".to_owned(), "1 RTT 20.0".into(), "a note that is longer than the line".into()];
    assert_eq!(wrap_items(&items, 21), ["1 loss · 1 RTT 20.0 ·", "a note that is longer", "than the line"]);
}
