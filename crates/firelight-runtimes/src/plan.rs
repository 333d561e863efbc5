//! What to start for a function version, and on what ground: pure, from facts to a plan.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use firelight_sandbox::{ProcessSpec, ReadOnlyMount};

use crate::catalogue::{Family, Runtime};
use crate::ground::Ground;
use crate::interpreter::Interpreter;
use crate::layout::Layout;
use crate::variables::{self, FunctionFacts};

const TASK_ROOT: &str = "/var/task";
const RUNTIME_DIRECTORY: &str = "/var/runtime";
pub(crate) const WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// What to start. The mounts are those of the runtime; code and layers are the caller's.
#[derive(Clone, Debug)]
pub struct Plan {
    pub mounts: Vec<ReadOnlyMount>,
    pub process: ProcessSpec,
}

/// How the handler gets to run.
#[derive(Clone, Copy, Debug)]
pub enum Bootstrap<'a> {
    /// Our own, on this interpreter.
    Ours(&'a Interpreter),
    /// A program inside that the function or a layer brought; see [`find_bootstrap`].
    Brought(&'a Path),
}

/// Decides what to start.
pub fn plan(
    runtime: &Runtime,
    bootstrap: Bootstrap<'_>,
    ground: &Ground,
    layout: &Layout,
    facts: &FunctionFacts<'_>,
) -> Plan {
    let mut mounts = ground.mounts.clone();
    mounts.push(ReadOnlyMount {
        source: layout.directory(runtime.family),
        target: RUNTIME_DIRECTORY.into(),
    });
    let variables = variables::of_runtime(runtime, facts);
    let command = match bootstrap {
        Bootstrap::Ours(interpreter) => {
            mounts.extend(interpreter.mounts());
            wrapped(command_of(interpreter, facts), &variables)
        }
        Bootstrap::Brought(program) => vec![program.as_os_str().to_owned()],
    };
    Plan {
        mounts,
        process: process(command, variables),
    }
}

/// Decides how an external extension, a file of `/opt/extensions`, is started.
pub fn plan_extension(runtime: &Runtime, name: &str, facts: &FunctionFacts<'_>) -> ProcessSpec {
    let program = Path::new("/opt/extensions").join(name);
    let variables = variables::of_extension(runtime, facts);
    ProcessSpec {
        directory: "/".into(),
        ..process(vec![program.into()], variables)
    }
}

/// Finds the program that a custom runtime brings, by looking at the host side of what will be mounted. `layers` are
/// the directories merged at `/opt`. Returns its path inside.
pub fn find_bootstrap(code: &Path, layers: &[PathBuf]) -> Option<&'static Path> {
    if code.join("bootstrap").exists() {
        return Some(Path::new("/var/task/bootstrap"));
    }
    let is_in_layer = layers.iter().any(|layer| layer.join("bootstrap").exists());
    is_in_layer.then_some(Path::new("/opt/bootstrap"))
}

fn process(command: Vec<OsString>, variables: BTreeMap<String, String>) -> ProcessSpec {
    ProcessSpec {
        program: command.first().map(PathBuf::from).unwrap_or_default(),
        arguments: command,
        variables: variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        directory: TASK_ROOT.into(),
    }
}

fn command_of(interpreter: &Interpreter, facts: &FunctionFacts<'_>) -> Vec<OsString> {
    let program = interpreter.program_inside().into_os_string();
    let arguments = match interpreter.family {
        // The bootstrap does what the skipped site module would have, in a fraction of its time.
        Family::Python => vec!["-S".into(), "-s".into(), "/var/runtime/bootstrap.py".into()],
        Family::Node => vec![
            heap_limit(facts.memory_mb).into(),
            // Not `.js`: NODE_PATH has this directory, and a handler module named `index` would be found here.
            "/var/runtime/index.cjs".into(),
        ],
        _ => Vec::new(),
    };
    [vec![program], arguments].concat()
}

/// Lets V8 use nine tenths of the memory, so that a full heap fails in JavaScript before the kernel kills it.
fn heap_limit(memory_mb: u32) -> String {
    format!("--max-old-space-size={}", memory_mb / 10 * 9)
}

/// Puts the customer's wrapper script in front, which gets the command as its arguments. A shell starts it, because on
/// AWS one does, and what it says and exits with (127) when there is no such script is what users see.
fn wrapped(command: Vec<OsString>, variables: &BTreeMap<String, String>) -> Vec<OsString> {
    match variables.get(WRAPPER) {
        Some(wrapper) if !wrapper.is_empty() => {
            let script = format!("exec \"${WRAPPER}\" \"$@\"");
            let shell = [
                "/bin/sh".into(),
                "-c".into(),
                script.into(),
                "/var/runtime/bootstrap".into(),
            ];
            shell.into_iter().chain(command).collect()
        }
        _ => command,
    }
}
