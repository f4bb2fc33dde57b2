use super::*;

#[test]
fn a_place_is_a_port_with_or_without_an_address() {
    for (text, shown) in
        [("80", "80"), ("192.0.2.2:8080", "192.0.2.2:8080"), ("[2001:db8::2]:80", "[2001:db8::2]:80")]
    {
        assert_eq!(text.parse::<Place>().unwrap().to_string(), shown);
    }
    for text in ["", "0", "70000", "192.0.2.2", "192.0.2.2:0", "name:80", ":80", "2001:db8::2:80:"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}
