//! The `privnum` binary: arguments, runtime, exit code.

use std::process::ExitCode;

use clap::Parser;
use privnum::cli::{Cli, run};

/// What one thread allocates here another mostly frees: requests, notices and their records go from the connections to the
/// writer and on to the pushes. The system's allocator takes a lock for each of these, which cost a tenth of all CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
