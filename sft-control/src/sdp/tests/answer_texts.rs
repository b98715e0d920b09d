//! Texts of the client that reach a log or an error are short and printable.

use super::*;

#[test]
fn the_length_of_an_answer_is_limited() {
    assert_eq!(parse_answer(&"x".repeat(64 * 1024 + 1)), Err(AnswerError::TooLong));
    let padding = format!("a=x:{}\r\n", "y".repeat(64 * 1024 - BROWSER.len() - 6));
    assert!(parse_answer(&format!("{BROWSER}{padding}")).is_ok());
}

#[test]
fn a_tool_is_cut() {
    let answer = with_line("a=tool", &format!("a=tool:\u{1b}[31m{}", "x".repeat(9000))).unwrap();
    assert_eq!(answer.tool.unwrap(), format!("[31m{}", "x".repeat(96)));
}

#[test]
fn an_error_does_not_repeat_what_was_sent() {
    let Err(AnswerError::Syntax(text)) = parse_answer(&format!("v=\u{1b}{}\r\n", "x".repeat(9000))) else {
        panic!("no syntax error")
    };
    assert!(text.len() <= 100 && !text.contains('\u{1b}'));
    assert!(matches!(parse_answer("hello"), Err(AnswerError::Syntax(_))));
}
