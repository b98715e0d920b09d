//! There is one transport: everything that is accepted is in the BUNDLE group.

use super::*;

#[test]
fn an_answer_without_bundle_is_refused() {
    assert_eq!(without_line("a=group"), Err(AnswerError::NotBundled));
    assert_eq!(with_line("a=group", "a=group:LS audio video data 1"), Err(AnswerError::NotBundled));
}

#[test]
fn an_accepted_m_line_outside_the_group_is_refused() {
    assert_eq!(with_line("a=group", "a=group:BUNDLE audio data 1"), Err(AnswerError::NotBundled));
    assert_eq!(without_line("a=mid:1"), Err(AnswerError::NotBundled));
}

#[test]
fn a_rejected_m_line_is_in_no_group() {
    let text = BROWSER.replace("audio video data", "audio data").replace("m=video 9", "m=video 0");
    assert!(parse_answer(&text).is_ok());
}

#[test]
fn one_group_of_several_suffices() {
    let text = BROWSER.replacen("a=group:", "a=group:BUNDLE 1\r\na=group:", 1);
    assert!(parse_answer(&text).is_ok());
}
