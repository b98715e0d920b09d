//! Reading the linked BPF object: nothing in it may be able to panic.

use std::{fs, path::Path};

use crate::process::{Failure, Result};

/// Fails if a panic path survived optimisation. It would be a call that never returns, which the verifier
/// refuses with "last insn is not an exit or jmp"; here it is refused with a name.
pub(crate) fn check_no_panics(object: &Path) -> Result<()> {
    let bytes = fs::read(object).map_err(Failure::io(object.display()))?;
    let names = symbols(&bytes).ok_or_else(|| {
        Failure::new(format!("{} is not a 64-bit little-endian ELF object", object.display()))
    })?;
    let panicking: Vec<String> = names.into_iter().filter(|name| name.contains("panicking")).collect();
    if panicking.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} can panic: {}. Mask the index or use `get`.",
        object.display(),
        panicking.join(", ")
    )))
}

/// Names in the symbol tables of a 64-bit little-endian ELF file; `None` if it is not one.
fn symbols(elf: &[u8]) -> Option<Vec<String>> {
    const SYMBOL_TABLE: usize = 2;
    const SYMBOL_LENGTH: usize = 24;
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (sections, section_length, section_count) =
        (number(elf, 0x28, 8)?, number(elf, 0x3a, 2)?, number(elf, 0x3c, 2)?);
    let header = |index: usize| sections.checked_add(index.checked_mul(section_length)?);
    let mut names = Vec::new();
    for index in 0..section_count {
        let at = header(index)?;
        if number(elf, at + 4, 4)? != SYMBOL_TABLE {
            continue;
        }
        let (start, length, strings) =
            (number(elf, at + 0x18, 8)?, number(elf, at + 0x20, 8)?, number(elf, at + 0x28, 4)?);
        let strings = number(elf, header(strings)? + 0x18, 8)?;
        for symbol in elf.get(start..start.checked_add(length)?)?.chunks_exact(SYMBOL_LENGTH) {
            let name = elf.get(strings.checked_add(number(symbol, 0, 4)?)?..)?;
            names.push(String::from_utf8_lossy(name.split(|byte| *byte == 0).next()?).into_owned());
        }
    }
    Some(names)
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test binary is an ELF file with a symbol table that surely names its own panic machinery.
    #[test]
    fn finds_the_symbols_of_this_program() {
        let program = fs::read(std::env::current_exe().unwrap()).unwrap();
        let names = symbols(&program).unwrap();
        assert!(names.iter().any(|name| name.contains("panicking")));
        assert!(names.iter().any(|name| name == "main"));
    }

    #[test]
    fn refuses_what_is_not_an_object() {
        assert_eq!(symbols(b"#!/bin/sh"), None);
        assert_eq!(symbols(b"\x7fELF\x02\x01 cut short"), None);
    }

    #[test]
    fn an_object_that_can_panic_is_named() {
        let error = check_no_panics(&std::env::current_exe().unwrap()).unwrap_err();
        assert!(error.to_string().contains("can panic"), "{error}");
    }
}
