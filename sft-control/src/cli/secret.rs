//! The file with the secret of tokens.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::core::{Secret, SecretError};

/// Why there is no secret. Repeats nothing of the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretFileError {
    #[error("token secret {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("token secret {}: {error}", path.display())]
    Unusable { path: PathBuf, error: SecretError },
}

/// A secret file, and what is needed to notice that it changes.
#[derive(Debug)]
pub(super) struct SecretFile {
    path: PathBuf,
    /// SHA-256 of the file as it was last read, usable or not.
    seen: [u8; 32],
}

impl SecretFile {
    /// The file and the secret in it.
    pub(super) fn load(path: &Path) -> Result<(Self, Secret), SecretFileError> {
        let (text, seen) = read(path)?;
        Ok((SecretFile { path: path.into(), seen }, parse(path, &text)?))
    }

    /// Reads the file again. The new secret, if it is another one. Blocks.
    pub(super) fn refresh(&mut self) -> Result<Option<Secret>, SecretFileError> {
        let (text, seen) = read(&self.path)?;
        if std::mem::replace(&mut self.seen, seen) == seen {
            return Ok(None);
        }
        parse(&self.path, &text).map(Some)
    }
}

/// The text and its digest.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, [u8; 32]), SecretFileError> {
    let text = fs::read(path).map_err(|error| SecretFileError::Read { path: path.into(), error })?;
    let mut seen = [0; 32];
    seen.copy_from_slice(digest(&SHA256, &text).as_ref());
    Ok((Zeroizing::new(text), seen))
}

fn parse(path: &Path, text: &[u8]) -> Result<Secret, SecretFileError> {
    Secret::from_file(text).map_err(|error| SecretFileError::Unusable { path: path.into(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_what_changes_is_noticed_once() {
        let path = std::env::temp_dir().join(format!("sft-test-{}-secret", std::process::id()));
        let write = |text: &str| fs::write(&path, text).unwrap();
        drop(fs::remove_file(&path));
        let said = SecretFile::load(&path).unwrap_err().to_string();
        assert!(said.contains(&path.display().to_string()) && said.contains("No such file"), "{said}");
        write(" \n");
        let said = SecretFile::load(&path).unwrap_err().to_string();
        assert!(said.contains("the first word of the file"), "{said}");

        write("one");
        let (mut file, _) = SecretFile::load(&path).unwrap();
        assert!(file.refresh().unwrap().is_none());
        write("two");
        assert!(file.refresh().unwrap().is_some());
        assert!(file.refresh().unwrap().is_none());
        write("");
        assert!(file.refresh().is_err());
        assert!(file.refresh().unwrap().is_none(), "it is said once");
        fs::remove_file(&path).unwrap();
        assert!(file.refresh().is_err());
        write("two");
        assert!(file.refresh().unwrap().is_some());
        fs::remove_file(&path).unwrap();
    }
}
