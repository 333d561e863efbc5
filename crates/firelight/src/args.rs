//! The raw command line, as clap reads it. Nothing here is checked beyond its form, and nothing is decided.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::{FlagValues, RUNTIMES_PREFIX};
use crate::failure::EXIT_CODES;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// AWS Lambda on your own machines.
#[derive(Debug, Parser)]
#[command(name = "firelight", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = EXIT_CODES, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// Write the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Read this configuration file instead of ./firelight.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Find the API at this address
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Keep functions, logs and keys in this directory
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Act in this account
    #[arg(long, global = true, value_name = "DIGITS")]
    pub account: Option<String>,
    /// Act in this region
    #[arg(long, global = true)]
    pub region: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run Lambda for development: any credentials, loopback only
    #[command(after_help = example("firelight dev\n  firelight dev --listen 127.0.0.1:0 --port-file port"))]
    Dev(ServerArgs),
    /// Run Lambda for production: signatures verified, nothing weakened silently
    #[command(after_help = example("firelight serve --listen 0.0.0.0:4566 --data-dir /var/lib/firelight"))]
    Serve(ServerArgs),
    /// Print the variables that point AWS tools at Firelight
    #[command(after_help = example("eval \"$(firelight env)\" && aws lambda list-functions"))]
    Env(EnvArgs),
    /// Package a directory and create or update its function
    #[command(after_help = example("firelight deploy examples/csv-stats --memory 256"))]
    Deploy(DeployArgs),
    /// Invoke a function and print what it answers
    #[command(after_help = example("firelight invoke csv-stats --payload '{\"columns\":[\"price\"]}' --tail"))]
    Invoke(InvokeArgs),
    /// Print a function's log
    #[command(after_help = example("firelight logs csv-stats -f --since 10m --filter ERROR"))]
    Logs(LogsArgs),
    /// List the functions
    #[command(after_help = example("firelight ls --json"))]
    Ls,
    /// Show the asynchronous events that wait or run
    #[command(after_help = example("firelight queue --json"))]
    Queue,
    /// Delete functions
    #[command(after_help = example("firelight rm csv-stats html-page"))]
    Rm(RmArgs),
    /// Show what was used, and what it would have cost on AWS
    #[command(after_help = example("firelight usage --month 2026-11"))]
    Usage(UsageArgs),
    /// Show what this host gives, and how to get the rest
    #[command(after_help = example("firelight doctor"))]
    Doctor,
    /// Measure starts and invocations on this machine, beside floors of the same run
    #[command(after_help = example("firelight bench warm\n  firelight bench cold --compare\n  firelight bench --json bench.json"))]
    Bench(BenchArgs),
    /// Show the effective configuration and where each value came from
    #[command(after_help = example("FIRELIGHT_REGION=eu-west-1 firelight config"))]
    Config,
    /// Print a completion script for a shell
    #[command(after_help = example("firelight completions bash > /etc/bash_completion.d/firelight"))]
    Completions { shell: Shell },
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Suites to run (warm, cold, density, load, events, stream, control; all of them when none is named), and with --json the file to write
    #[arg(value_name = "SUITE|FILE")]
    pub words: Vec<String>,
    /// With the cold suite: beside bare programs, bubblewrap and runc, in alternating turns
    #[arg(long)]
    pub compare: bool,
}

/// Flags of both daemons.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Serve the API at this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Write the bound address to this file once the API answers
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// Verify signatures (signature) or accept any credentials (any)
    #[arg(long, value_name = "HOW")]
    pub authentication: Option<String>,
    /// Use this interpreter for a runtime, as NAME=PATH; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = runtime_path)]
    pub runtime_path: Vec<(String, String)>,
    /// Become this user (a name, or USER:GROUP in numbers) once started as root
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// What functions reach on the network: none, internet or host
    #[arg(long, value_name = "WHAT")]
    pub network: Option<String>,
    /// Retire an environment that was idle for so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub idle: Option<String>,
    /// Go on without these walls, named as in `firelight doctor`
    #[arg(long, value_name = "WALL,...")]
    pub accept_missing: Option<String>,
    /// Filter the daemon's own log: a level, or module=level pairs
    #[arg(long, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// Write the daemon's own log as text or json
    #[arg(long, value_name = "FORM")]
    pub log_format: Option<String>,
}

#[derive(Debug, Args)]
pub struct EnvArgs {
    /// Write for this shell
    #[arg(long, value_enum, default_value_t = EnvShell::Posix)]
    pub shell: EnvShell,
}

/// The form of `firelight env`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvShell {
    /// sh, bash, zsh
    Posix,
    Fish,
    Powershell,
    Json,
}

#[derive(Debug, Args)]
pub struct DeployArgs {
    /// The directory that holds the function
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Name the function [default: the directory's name]
    #[arg(long)]
    pub name: Option<String>,
    /// Run with this runtime [default: found from the files]
    #[arg(long)]
    pub runtime: Option<String>,
    /// Enter the code here [default: found from the files]
    #[arg(long)]
    pub handler: Option<String>,
    /// Give it so many megabytes of memory
    #[arg(long, value_name = "MB")]
    pub memory: Option<u32>,
    /// Stop it after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
    /// Set a variable, as NAME=VALUE; may be repeated, and replaces all earlier ones
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub env: Vec<(String, String)>,
    /// Lay this layer version under /opt; may be repeated
    #[arg(long, value_name = "ARN")]
    pub layer: Vec<String>,
    /// Run it as this role
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// Deploy again whenever a file changes
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// Name or ARN of the function
    pub name: String,
    /// The event: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "file")]
    pub payload: Option<String>,
    /// Read the event from this file, or from standard input for -
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print the last 4 KB of the log on standard error
    #[arg(long)]
    pub tail: bool,
    /// Invoke this version or alias
    #[arg(long)]
    pub qualifier: Option<String>,
    /// Queue the event and do not wait for the function
    #[arg(long)]
    pub event: bool,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Name of the function
    pub name: String,
    /// Go on printing as lines are written
    #[arg(long, short)]
    pub follow: bool,
    /// Begin so long ago (30s, 10m, 2h, 1d), or at a time (2026-11-23T10:00:00Z)
    #[arg(long, default_value = "10m")]
    pub since: String,
    /// Print lines that match this filter pattern of CloudWatch Logs
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
}

#[derive(Debug, Args)]
pub struct RmArgs {
    /// Names of the functions
    #[arg(required = true)]
    pub names: Vec<String>,
}

#[derive(Debug, Args)]
pub struct UsageArgs {
    /// The month, as YYYY-MM [default: this one]
    #[arg(long)]
    pub month: Option<String>,
}

impl GlobalArgs {
    /// Returns what these flags set.
    pub fn values(&self) -> FlagValues {
        flag_values([
            ("endpoint", "--endpoint", &self.endpoint),
            ("data_dir", "--data-dir", &self.data_dir),
            ("account", "--account", &self.account),
            ("region", "--region", &self.region),
        ])
    }
}

impl ServerArgs {
    /// Returns what these flags set.
    pub fn values(&self) -> FlagValues {
        let mut values = flag_values([
            ("listen", "--listen", &self.listen),
            ("authentication", "--authentication", &self.authentication),
            ("user", "--user", &self.user),
            ("sandbox.network", "--network", &self.network),
            ("sandbox.idle_s", "--idle", &self.idle),
            (
                "sandbox.accept_missing",
                "--accept-missing",
                &self.accept_missing,
            ),
            ("log.level", "--log-level", &self.log_level),
            ("log.format", "--log-format", &self.log_format),
        ]);
        let runtimes = self.runtime_path.iter();
        values.extend(runtimes.map(|(name, path)| {
            (
                format!("{RUNTIMES_PREFIX}{name}"),
                "--runtime-path",
                path.clone(),
            )
        }));
        values
    }
}

fn flag_values<const N: usize>(flags: [(&str, &'static str, &Option<String>); N]) -> FlagValues {
    flags
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key.to_owned(), flag, value.clone()?)))
        .collect()
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn runtime_path(text: &str) -> Result<(String, String), String> {
    pair(text).map_err(|_| "write NAME=PATH, like python3.12=/usr/bin/python3.12".to_owned())
}

fn example(lines: &str) -> String {
    format!("Example:\n  {lines}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.starts_with("Example:\n"),
                "{} has no example",
                command.get_name()
            );
        }
    }

    #[test]
    fn flags_are_remembered_by_name() {
        let cli = Cli::parse_from([
            "firelight",
            "dev",
            "--listen",
            "[::1]:0",
            "--accept-missing",
            "landlock",
        ]);
        let Command::Dev(server) = &cli.command else {
            panic!("not dev")
        };

        let values = server.values();

        assert_eq!(
            values[0],
            ("listen".to_owned(), "--listen", "[::1]:0".to_owned())
        );
        assert_eq!(values[1].1, "--accept-missing");
    }
}
