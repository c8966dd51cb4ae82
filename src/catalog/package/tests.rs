use super::*;

#[test]
fn where_inner_containers_go() {
    assert_eq!(inner_prefix("Windows6.1-KB1-x64.cab"), "Windows6.1-KB1-x64.cab\\");
    assert_eq!(inner_prefix("a.msu\\b.cab"), "a.msu\\b.cab\\");
    assert_eq!(inner_prefix("a.cab\\Cab_1_for_KB1.cab"), "a.cab\\");
    assert_eq!(inner_prefix("Cab_2.cab"), "");
}
