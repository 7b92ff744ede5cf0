//! The `privnum` binary: arguments, runtime, exit code.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use privnum::cli::{Cli, run};

/// What is received on one thread is stored by another and pushed by a third, so memory is often freed elsewhere than
/// where it was taken. glibc's allocator spends a fifth of all CPU on that, this one a fraction. Version 2 of it: 3 keeps
/// half as much memory again for what is pending.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for everything that speaks TLS; a second installation would be refused, and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => {
            privnum::cli::complain(&format!("the program cannot start its threads: {error}"));
            ExitCode::FAILURE
        }
    }
}
