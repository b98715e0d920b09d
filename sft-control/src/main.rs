//! The `sft` binary: everything is in the library, this only starts the command line.

fn main() -> std::process::ExitCode {
    sft_control::cli::main()
}
