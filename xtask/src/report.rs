//! Counting what passed, and the lines that say so.

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Results of one part of the tests.
#[derive(Debug, Default)]
pub(crate) struct Report {
    part: String,
    passed: usize,
    failed: usize,
    skipped: usize,
    /// Tests that have said that they cannot run.
    unable: Vec<String>,
    /// Why something was skipped, and what failed.
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(part: &str) -> Self {
        Self { part: part.to_owned(), ..Self::default() }
    }

    pub(crate) fn add(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => {
                self.failed += 1;
                self.note(format!("failed: {name}"));
            }
            Outcome::Skipped => self.skipped += 1,
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(crate) fn skip_all(&mut self, names: &[&str], reason: &str) {
        names.iter().for_each(|name| self.add(name, Outcome::Skipped));
        self.note(format!("skipped: {reason}"));
    }

    pub(crate) fn fail_all(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.add(name, Outcome::Failed));
    }

    /// Takes over one line of libtest's output. A test that finds out that it cannot run says so in a line
    /// `skipped: NAME: REASON` before it ends.
    pub(crate) fn read_libtest(&mut self, line: &str) {
        if let Some(skipped) = line.strip_prefix("skipped: ") {
            self.unable.extend(skipped.split_once(": ").map(|(name, _)| name.to_owned()));
            return self.note(line);
        }
        let Some(rest) = line.strip_prefix("test ") else { return };
        // With a single test thread the name and the result may be joined by output of the test itself.
        let Some((name, result)) = rest.rsplit_once(" ... ") else { return };
        match result.split(|c: char| !c.is_ascii_alphabetic()).next() {
            Some("ok") if self.unable.iter().any(|unable| unable == name) => self.add(name, Outcome::Skipped),
            Some("ok") => self.add(name, Outcome::Passed),
            Some("FAILED") => self.add(name, Outcome::Failed),
            Some("ignored") => self.add(name, Outcome::Skipped),
            _ => (),
        }
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.failed > 0
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let counts = format!(
            "{:16} passed {:4}   failed {:3}   skipped {:3}",
            self.part, self.passed, self.failed, self.skipped
        );
        std::iter::once(counts).chain(self.notes.iter().map(|note| format!("{:16} {note}", ""))).collect()
    }
}

/// The line that ends a test run; continuous integration reads it.
pub(crate) fn total(reports: &[Report]) -> String {
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    format!("{} passed, {} failed, {} skipped", sum(|r| r.passed), sum(|r| r.failed), sum(|r| r.skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_counted() {
        let mut report = Report::new("workspace");
        for line in [
            "running 4 tests",
            "test sdp::parses ... ok",
            "test maps - should panic ... ok",
            "test core::roster ... FAILED",
            "test kernel::egress ... ignored, needs root",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out",
        ] {
            report.read_libtest(line);
        }
        assert_eq!((report.passed, report.failed, report.skipped), (2, 1, 1));
        assert!(report.has_failures());
        assert_eq!(report.lines().last().map(|line| line.trim()), Some("failed: core::roster"));
    }

    #[test]
    fn a_test_can_say_that_it_cannot_run() {
        let mut report = Report::new("workspace");
        let lines = [
            "skipped: vlans::tagged: this kernel has no VLANs",
            "test vlans::tagged ... ok",
            "test b ... ok",
        ];
        lines.iter().for_each(|line| report.read_libtest(line));
        assert_eq!((report.passed, report.failed, report.skipped), (1, 0, 1));
        assert!(report.lines().iter().any(|line| line.ends_with(lines[0])), "{:?}", report.lines());
    }

    #[test]
    fn the_total_adds_all_parts() {
        let mut skipped = Report::new("end to end");
        skipped.skip_all(&["a", "b"], "needs root");
        let mut passed = Report::new("workspace");
        passed.add("c", Outcome::Passed);
        assert_eq!(total(&[skipped, passed]), "1 passed, 0 failed, 2 skipped");
    }
}
