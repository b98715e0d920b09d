//! Passwords are not in what a log would print.

use super::*;

#[test]
fn neither_side_prints_its_password() {
    let answer = parse_answer(BROWSER).unwrap();
    assert!(!format!("{answer:?}").contains(&answer.password));
    let ours = parameters();
    assert!(!format!("{ours:?}").contains(&ours.password));
}
