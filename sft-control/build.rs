//! Puts the BPF object that `SFT_BPF_OBJECT` names where the library includes it; without one, an empty file.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=SFT_BPF_OBJECT");
    let target = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("sft-ebpf.o");
    match env::var_os("SFT_BPF_OBJECT") {
        Some(object) => {
            println!("cargo::rerun-if-changed={}", object.to_string_lossy());
            fs::copy(object, target)?;
        }
        None => fs::write(target, [])?,
    }
    Ok(())
}
