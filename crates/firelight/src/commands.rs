//! The commands: each reads its arguments and the resolved configuration, calls the API, and prints the answer.

mod bench;
mod completions;
mod config;
mod deploy;
mod doctor;
mod env;
mod invoke;
mod list;
mod logs;
mod queue;
mod remove;
mod server;
mod usage;

use std::future::Future;

use crate::args::{Cli, Command, GlobalArgs};
use crate::client::Client;
use crate::config::{ClientConfig, Layers, Mode};
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::Terminal;

/// Runs the command of a command line.
pub fn run(cli: &Cli, terminal: &Terminal) -> Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Dev(args) => server::run(global, args, Mode::Dev),
        Command::Serve(args) => server::run(global, args, Mode::Serve),
        Command::Env(args) => env::run(&client_config(global)?, args, terminal),
        Command::Doctor => doctor::run(&client_config(global)?, terminal),
        Command::Bench(args) => bench::run(args, terminal),
        Command::Config => config::run(&layers(global)?, terminal),
        Command::Completions { shell } => completions::run(*shell, terminal),
        Command::Deploy(args) => {
            with_client(global, async |api| deploy::run(&api, args, terminal).await)
        }
        Command::Invoke(args) => with_client(global, async |api| {
            invoke::run(&api.client, args, terminal).await
        }),
        Command::Logs(args) => with_client(global, async |api| {
            logs::run(&api.client, args, terminal).await
        }),
        Command::Ls => with_client(global, async |api| list::run(&api.client, terminal).await),
        Command::Queue => with_client(global, async |api| queue::run(&api.client, terminal).await),
        Command::Rm(args) => with_client(global, async |api| {
            remove::run(&api.client, args, terminal).await
        }),
        Command::Usage(args) => with_client(global, async |api| {
            usage::run(&api.client, args, terminal).await
        }),
    }
}

/// A client, and the configuration it was made from.
struct Api {
    client: Client,
    config: ClientConfig,
}

/// Runs a command that talks to a daemon.
fn with_client<F: Future<Output = Outcome>>(
    global: &GlobalArgs,
    command: impl FnOnce(Api) -> F,
) -> Outcome {
    let config = client_config(global)?;
    let client = Client::new(&config)
        .map_err(|error| Failure::because(Exit::Failure, "could not find credentials", &error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because(Exit::Failure, "could not start", &error))?;
    runtime.block_on(command(Api { client, config }))
}

fn layers(global: &GlobalArgs) -> Result<Layers, Failure> {
    Ok(Layers::of_process(
        global.config.as_deref(),
        global.values(),
    )?)
}

fn client_config(global: &GlobalArgs) -> Result<ClientConfig, Failure> {
    Ok(ClientConfig::resolve(&layers(global)?)?)
}
