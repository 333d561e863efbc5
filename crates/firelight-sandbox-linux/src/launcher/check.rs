//! Checks what the daemon asks for, before anything is made of it.

use std::path::{Component, Path};

use firelight_sandbox::{Limits, SandboxSpec};

use crate::wire::Fault;

const MAX_MOUNTS: usize = 256;
const MAX_LAYERS: usize = 64;
const MIB: u64 = 1024 * 1024;

/// Where a mount would cover something of ours.
const RESERVED: &[&str] = &["/proc", "/dev", "/tmp", "/sys"];
const RESERVED_FILES: &[&str] = &["/etc/passwd", "/etc/group", "/etc/hosts"];

pub(super) fn check(spec: &SandboxSpec) -> Result<(), Fault> {
    check_all(spec).map_err(|reason| Fault::InvalidSpec { reason })
}

fn check_all(spec: &SandboxSpec) -> Result<(), String> {
    if spec.mounts.len() > MAX_MOUNTS || spec.overlays.len() > MAX_MOUNTS {
        return Err(format!("more than {MAX_MOUNTS} mounts"));
    }
    for mount in &spec.mounts {
        check_source(&mount.source)?;
        check_target(&mount.target)?;
    }
    for overlay in &spec.overlays {
        if overlay.sources.len() > MAX_LAYERS {
            return Err(format!("more than {MAX_LAYERS} directories at one place"));
        }
        overlay
            .sources
            .iter()
            .try_for_each(|source| check_source(source))?;
        check_target(&overlay.target)?;
    }
    check_host_name(&spec.host_name)?;
    check_limits(&spec.limits)
}

fn check_source(source: &Path) -> Result<(), String> {
    if is_plain(source) {
        Ok(())
    } else {
        Err(format!(
            "source {} is not a plain absolute path",
            source.display()
        ))
    }
}

fn check_target(target: &Path) -> Result<(), String> {
    let shown = target.display();
    if !is_plain(target) || target == Path::new("/") {
        return Err(format!("target {shown} is not a plain absolute path"));
    }
    let reserved = RESERVED.iter().any(|reserved| target.starts_with(reserved))
        || RESERVED_FILES
            .iter()
            .any(|file| Path::new(file).starts_with(target));
    if reserved {
        Err(format!("target {shown} is reserved"))
    } else {
        Ok(())
    }
}

/// Absolute, without `..`, and nothing a path could not be.
fn is_plain(path: &Path) -> bool {
    let plain = |component| matches!(component, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.components().all(plain) && path.as_os_str().len() < 4096
}

/// A name that can stand in `/etc/hosts` without becoming two.
fn check_host_name(name: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(legal) {
        return Err(format!("host name {name:?} is not valid"));
    }
    Ok(())
}

fn check_limits(limits: &Limits) -> Result<(), String> {
    in_range("memory", limits.memory_bytes, 16 * MIB, 1024 * 1024 * MIB)?;
    in_range("CPU", limits.milli_cpus.into(), 1, 1_024_000)?;
    in_range("number of processes", limits.processes.into(), 1, 32_768)?;
    in_range(
        "number of open files",
        limits.open_files.into(),
        16,
        1_048_576,
    )?;
    in_range("size of /tmp", limits.tmp_bytes, 4096, 1024 * 1024 * MIB)?;
    in_range("number of files in /tmp", limits.tmp_inodes, 16, 1 << 32)
}

fn in_range(what: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!(
        "{what} of {value} is not between {least} and {most}"
    ))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use firelight_sandbox::{Egress, ListenAt, ReadOnlyMount, SandboxId};

    use super::*;

    fn spec_with_target(target: &str) -> SandboxSpec {
        SandboxSpec {
            id: SandboxId::from_random(1),
            mounts: vec![ReadOnlyMount {
                source: "/data".into(),
                target: PathBuf::from(target),
            }],
            overlays: Vec::new(),
            limits: Limits {
                memory_bytes: 128 * MIB,
                milli_cpus: 72,
                processes: 1024,
                open_files: 1024,
                tmp_bytes: 512 * MIB,
                tmp_inodes: 65_536,
            },
            listen_at: ListenAt("127.0.0.1:9001".parse().unwrap()),
            egress: Egress::None,
            host_name: "sandbox".into(),
        }
    }

    #[test]
    fn ordinary_targets_pass() {
        for target in ["/var/task", "/opt", "/usr/lib/python3.11", "/etc/ssl/certs"] {
            assert_eq!(check(&spec_with_target(target)), Ok(()), "{target}");
        }
    }

    #[test]
    fn targets_that_would_cover_a_wall_are_refused() {
        for target in [
            "/",
            "/proc",
            "/proc/sys",
            "/dev/shm",
            "/tmp",
            "/etc",
            "/etc/hosts",
            "/a/../proc",
            "x",
        ] {
            assert!(check(&spec_with_target(target)).is_err(), "{target}");
        }
    }

    #[test]
    fn a_host_name_cannot_carry_a_second_line() {
        let mut spec = spec_with_target("/opt");
        spec.host_name = "a\n1.2.3.4 aws".into();

        assert!(check(&spec).is_err());
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        let mut spec = spec_with_target("/opt");
        spec.limits.processes = 0;

        assert!(check(&spec).is_err());
    }
}
