//! Compiles the seccomp lists of `seccomp/` for this architecture.

mod compact;

use std::io;

use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json};

#[cfg(target_arch = "x86_64")]
const LISTS: &[u8] = include_bytes!("../../seccomp/runtime-x86_64.json");
#[cfg(target_arch = "aarch64")]
const LISTS: &[u8] = include_bytes!("../../seccomp/runtime-aarch64.json");

/// The same for every architecture.
const LAUNCHER: &[u8] = include_bytes!("../../seccomp/launcher.json");

/// The compiled filters of each role.
pub(crate) struct Filters {
    launcher: BpfProgram,
    known: BpfProgram,
    refused: BpfProgram,
}

impl Filters {
    pub(crate) fn compile() -> io::Result<Self> {
        let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
        let mut programs = compile_from_json(LISTS, arch).map_err(io::Error::other)?;
        let mut take = |name: &str| {
            let missing = || io::Error::other(format!("no seccomp list named {name}"));
            programs.remove(name).ok_or_else(missing)
        };
        let short = |long: BpfProgram| compact::compact(&long).unwrap_or(long);
        let launcher = compile_from_json(LAUNCHER, arch).map_err(io::Error::other)?;
        let launcher = launcher.into_values().next();
        let launcher =
            launcher.ok_or_else(|| io::Error::other("no seccomp list of the launcher"))?;
        Ok(Self {
            launcher: short(launcher),
            known: short(take("known")?),
            refused: short(take("refused")?),
        })
    }

    /// Puts the launcher, and all sandboxes it will ever make, behind its own filter.
    pub(crate) fn install_of_launcher(&self) -> io::Result<()> {
        apply_filter(&self.launcher).map_err(io::Error::other)
    }

    /// Puts the caller and all it will ever start behind the filters.
    ///
    /// The list of refusals goes in last: of two error numbers the kernel gives that of the later filter.
    pub(crate) fn install(&self) -> io::Result<()> {
        apply_filter(&self.known).map_err(io::Error::other)?;
        apply_filter(&self.refused).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists as they are compiled, for the tests of what is made of them.
    pub(super) fn known() -> BpfProgram {
        compiled("known")
    }

    pub(super) fn refused() -> BpfProgram {
        compiled("refused")
    }

    fn compiled(name: &str) -> BpfProgram {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        let mut programs = compile_from_json(LISTS, arch).unwrap();
        programs.remove(name).unwrap()
    }

    #[test]
    fn the_launchers_list_compiles_for_both_architectures() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64] {
            let programs = compile_from_json(LAUNCHER, arch).expect("the list compiles");
            assert_eq!(programs.len(), 1);
        }
    }

    #[test]
    fn the_lists_of_both_architectures_compile() {
        let lists = [
            (
                &include_bytes!("../../seccomp/runtime-x86_64.json")[..],
                TargetArch::x86_64,
            ),
            (
                &include_bytes!("../../seccomp/runtime-aarch64.json")[..],
                TargetArch::aarch64,
            ),
        ];
        for (list, arch) in lists {
            let programs = compile_from_json(list, arch).expect("the list compiles");
            assert_eq!(programs.len(), 2);
        }
    }
}
