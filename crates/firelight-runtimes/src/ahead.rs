//! Whether a runtime can be started before it is known for which function, and how: pure, except for one look at code
//! and layers.
//!
//! Our bootstraps can wait for their variables (see `firelight_sandbox::WaitingProgram`). That is allowed only where
//! nothing differs that is decided when a program starts: its command, what the loader, the C library and the
//! interpreter read from the variables, and the libraries they find. Everything else the bootstrap takes over later.
//! Anything in doubt is a [`Refusal`], and the runtime is started for its function as ever.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use firelight_sandbox::{ProcessSpec, ReadOnlyMount, WAITING_VARIABLE};

use crate::catalogue::{Family, Runtime};
use crate::plan::{Bootstrap, Plan, WRAPPER};
use crate::variables::{self, FunctionFacts};

/// What all variables may take, as the kernel keeps them: a function's own are 4 KiB at most, and the platform's less
/// than that.
const ROOM_BYTES: usize = 12 * 1024;

const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// How a runtime is started to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// What a sandbox shows it while it waits.
    pub mounts: Vec<ReadOnlyMount>,
    pub process: ProcessSpec,
    /// What it uses while it waits, roughly.
    pub memory_mb: u32,
}

/// Why a runtime must be started for its function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the function brings its own bootstrap")]
    BringsBootstrap,
    #[error("our bootstrap for this language cannot wait")]
    CannotWait,
    #[error("a wrapper script starts it")]
    Wrapper,
    #[error("the function sets {name}, which is read when a process starts")]
    Variable { name: String },
    #[error("code or layers bring libraries that the loader prefers to those of the host")]
    BringsLibraries,
    #[error("the variables take more than {ROOM_BYTES} bytes")]
    VariablesTooLarge,
}

/// Decides whether and how the runtime of a plan can be started ahead. `brings_libraries` is what [`brings_libraries`]
/// says of code and layers.
pub fn ahead(
    runtime: &Runtime,
    bootstrap: Bootstrap<'_>,
    plan: &Plan,
    facts: &FunctionFacts<'_>,
    brings_libraries: bool,
) -> Result<Ahead, Refusal> {
    if matches!(bootstrap, Bootstrap::Brought(_)) {
        return Err(Refusal::BringsBootstrap);
    }
    let memory_mb = memory_mb(runtime.family).ok_or(Refusal::CannotWait)?;
    if facts
        .variables
        .get(WRAPPER)
        .is_some_and(|wrapper| !wrapper.is_empty())
    {
        return Err(Refusal::Wrapper);
    }
    let defaults = variables::defaults(runtime, facts);
    let own = facts
        .variables
        .iter()
        .filter(|(name, _)| !name.starts_with('_'));
    for (name, value) in own {
        if is_read_at_start(runtime.family, name) && defaults.get(name) != Some(value) {
            return Err(Refusal::Variable { name: name.clone() });
        }
    }
    if brings_libraries {
        return Err(Refusal::BringsLibraries);
    }
    if size(&plan.process.variables) > ROOM_BYTES {
        return Err(Refusal::VariablesTooLarge);
    }
    let mut at_start: Vec<(OsString, OsString)> = defaults
        .into_iter()
        .filter(|(name, _)| is_read_at_start(runtime.family, name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    // Not read by then, but the bootstrap can connect ahead.
    at_start.push((RUNTIME_API.into(), facts.runtime_api.into()));
    let taken = size(&at_start) + WAITING_VARIABLE.len() + 2;
    let room = "-".repeat(ROOM_BYTES.saturating_sub(taken));
    at_start.push((WAITING_VARIABLE.into(), room.into()));
    Ok(Ahead {
        mounts: plan.mounts.clone(),
        process: ProcessSpec {
            variables: at_start,
            ..plan.process.clone()
        },
        memory_mb,
    })
}

/// Looks whether code or layers bring libraries to where the loader searches before it comes to the host's own.
pub fn brings_libraries(code: &Path, layers: &[PathBuf]) -> bool {
    let of_code = [code.to_owned(), code.join("lib")];
    let of_layers = layers.iter().map(|layer| layer.join("lib"));
    of_code
        .into_iter()
        .chain(of_layers)
        .any(|folder| holds_libraries(&folder))
}

fn holds_libraries(folder: &Path) -> bool {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // What is not there brings nothing; what cannot be read may.
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
    };
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    names.any(|name| name.is_ok_and(|name| is_library(&name.to_string_lossy())))
}

/// A shared library, or a directory where the loader looks for variants of them.
fn is_library(name: &str) -> bool {
    let variants = ["glibc-hwcaps", "tls", "x86_64", "haswell", "atomics"];
    (name.starts_with("lib") && name.contains(".so")) || variants.contains(&name)
}

/// What a runtime of the family uses while it waits; nothing where its bootstrap cannot.
fn memory_mb(family: Family) -> Option<u32> {
    match family {
        Family::Python => Some(16),
        Family::Node => Some(64),
        _ => None,
    }
}

/// What the variables take, each with an equals sign and a NUL.
fn size(variables: &[(OsString, OsString)]) -> usize {
    let lengths = variables
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2);
    lengths.sum()
}

/// Whether the loader, the C library or the interpreter may look at a variable when a process starts.
fn is_read_at_start(family: Family, name: &str) -> bool {
    let of_every_program = [
        "LD_", "GLIBC_", "MALLOC_", "LC_", "OPENSSL_", "SSL_", "ICU_", "ASAN_", "LSAN_", "TSAN_",
        "UBSAN_",
    ];
    let exact = [
        "LANG",
        "LANGUAGE",
        "TZ",
        "TZDIR",
        "LOCPATH",
        "NLSPATH",
        "GCONV_PATH",
        "GETCONF_DIR",
        "RES_OPTIONS",
        "LOCALDOMAIN",
        "HOSTALIASES",
    ];
    exact.contains(&name)
        || of_every_program
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || match family {
            Family::Python => name.starts_with("PYTHON"),
            Family::Node => is_read_by_node(name),
            _ => true,
        }
}

/// Node.js looks into `HOME` for modules. `NODE_ENV` is for libraries: no part of Node.js itself reads it.
fn is_read_by_node(name: &str) -> bool {
    let prefixes = ["NODE_", "UV_", "V8_"];
    name == "HOME" || (name != "NODE_ENV" && prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_told_from_an_extension_module() {
        for name in [
            "libz.so",
            "libssl.so.1.1",
            "libpython3.11.so.1.0",
            "glibc-hwcaps",
        ] {
            assert!(is_library(name), "{name}");
        }
        for name in [
            "index.py",
            "_cffi_backend.cpython-311-x86_64-linux-gnu.so",
            "lib",
            "library.txt",
        ] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn libraries_count_where_the_loader_looks_first_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (code, layer) = (folder.path().join("code"), folder.path().join("layer"));
        for directory in [code.join("deeper/lib"), layer.join("lib/deeper")] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(code.join("deeper/lib/libz.so"), "").unwrap();
        fs::write(layer.join("lib/deeper/libz.so"), "").unwrap();
        fs::write(layer.join("libz.so"), "").unwrap();
        let layers = [layer.clone()];
        assert!(!brings_libraries(&code, &layers));

        fs::write(layer.join("lib/libz.so.1"), "").unwrap();

        assert!(brings_libraries(&code, &layers));
        assert!(!brings_libraries(&code, &[]));
    }

    #[test]
    fn variables_of_libraries_are_not_those_of_the_interpreter() {
        for name in ["NODE_ENV", "AWS_REGION", "PATH", "TABLE", "OMP_NUM_THREADS"] {
            assert!(!is_read_at_start(Family::Node, name), "{name}");
        }
        for name in [
            "NODE_OPTIONS",
            "NODE_EXTRA_CA_CERTS",
            "UV_THREADPOOL_SIZE",
            "HOME",
            "LD_PRELOAD",
            "TZ",
        ] {
            assert!(is_read_at_start(Family::Node, name), "{name}");
        }
        assert!(is_read_at_start(Family::Python, "PYTHONHASHSEED"));
        assert!(!is_read_at_start(Family::Python, "HOME"));
        assert!(!is_read_at_start(Family::Python, "NODE_OPTIONS"));
    }
}
