//! Nothing that arrives as an answer makes the parser panic or exceed its limits.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn arbitrary_text_is_no_answer(text in "(?s).{0,400}") {
        prop_assert!(parse_answer(&text).is_err());
    }

    #[test]
    fn a_mutilated_answer_does_no_harm(
        cut: prop::sample::Index,
        length in 0..40_usize,
        inserted in "[ -~\r\n]{0,20}",
    ) {
        let start = cut.index(BROWSER.len());
        let end = (start + length).min(BROWSER.len());
        check(&format!("{}{inserted}{}", &BROWSER[..start], &BROWSER[end..]));
    }

    #[test]
    fn lines_in_any_order_and_number_do_no_harm(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
    ) {
        let lines: Vec<&str> = CANDIDATES.split_inclusive("\r\n").collect();
        let picked = picks.iter().map(|pick| lines[pick.index(lines.len())]);
        check(&std::iter::once("v=0\r\n").chain(picked).collect::<String>());
    }

    #[test]
    fn arbitrary_values_of_what_is_used_do_no_harm(
        name in prop::sample::select(vec![
            "m", "c", "o", "a=candidate", "a=ssrc", "a=fingerprint", "a=setup", "a=ice-pwd", "a=group", "a=mid",
        ]),
        value in "\\PC{0,60}",
    ) {
        let separator = if name.starts_with("a=") { ':' } else { '=' };
        let replaced = |text: &str| {
            let ours = format!("{name}{separator}{value}\r\n");
            if text.starts_with(name) { ours } else { text.to_owned() }
        };
        check(&BROWSER.split_inclusive("\r\n").map(replaced).collect::<String>());
    }
}

/// Whatever is taken for an answer keeps the promises of [`Answer`].
fn check(text: &str) {
    if let Ok(answer) = parse_answer(text) {
        assert!(answer.candidates.len() <= 50);
        assert!((4..=256).contains(&answer.ufrag.len()));
        assert!((22..=256).contains(&answer.password.len()));
        assert!(answer.tool.is_none_or(|tool| tool.chars().count() <= 100));
        assert!(answer.audio_ssrc.is_none() || answer.audio_ssrc != answer.video_ssrc);
    }
}
