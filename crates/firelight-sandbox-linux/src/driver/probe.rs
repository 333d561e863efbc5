//! Finds out what this host gives, by trying: starts a launcher, builds one sandbox, and takes both down again.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use firelight_sandbox::{Egress, Limits, ListenAt, SandboxId, SandboxSpec};

use super::{LinuxConfig, StartError, await_ready, begin, check_instance, spawn_launcher};
use crate::net::EgressNetwork;
use crate::report::{HostReport, Wall};
use crate::wire::{self, Fault, MAX_PACKET, News, Order};

/// Tries the driver on this host, for `doctor`. Takes some ten milliseconds and leaves nothing.
///
/// A host that cannot build sandboxes at all is reported as the wall `namespaces` missing, with what stood in the
/// way. The way to the network is tried with `egress_network`, which no daemon may be using.
pub fn probe(egress_network: Option<Ipv4Addr>) -> HostReport {
    let dir = std::env::temp_dir().join(format!("firelight-probe-{}", std::process::id()));
    let walls =
        try_everything(&dir, egress_network).unwrap_or_else(|error| vec![unbuildable(&error)]);
    // The launcher is gone by now; what is left are empty directories of ours.
    let _ = fs::remove_dir_all(&dir);
    HostReport { walls }
}

fn try_everything(dir: &Path, egress_network: Option<Ipv4Addr>) -> Result<Vec<Wall>, StartError> {
    let failed = |source| StartError::Spawn { source };
    fs::create_dir_all(dir).map_err(failed)?;
    let config = LinuxConfig {
        egress_network: egress_network.map(EgressNetwork::usual),
        ..config(dir.to_owned())
    };
    check_instance(&config.instance)?;
    let (socket, launcher_socket) = wire::pair().map_err(failed)?;
    let mut launcher = spawn_launcher(launcher_socket).map_err(failed)?;
    let walls = converse(&socket, &config);
    drop(socket);
    let _ = launcher.wait();
    walls
}

fn converse(socket: &OwnedFd, config: &LinuxConfig) -> Result<Vec<Wall>, StartError> {
    let failed = |source| StartError::Spawn { source };
    wire::send(socket, &Order::Begin(begin(config)).encode(), &[]).map_err(failed)?;
    let (walls, _) = await_ready(socket)?;
    let order = Order::Launch {
        ticket: 1,
        spec: smallest_sandbox(config),
        first: None,
    };
    wire::send(socket, &order.encode(), &[]).map_err(failed)?;
    let mut buffer = vec![0; MAX_PACKET];
    let packet = wire::receive(socket, &mut buffer).map_err(failed)?;
    match packet.and_then(|packet| News::decode(&packet.bytes).ok()) {
        Some(News::Launched { .. }) => Ok(walls),
        Some(News::LaunchFailed {
            fault: Fault::Step { step, errno },
            ..
        }) => Err(StartError::Step {
            step,
            source: io::Error::from_raw_os_error(errno),
        }),
        _ => Err(StartError::Ended),
    }
}

fn config(state_dir: PathBuf) -> LinuxConfig {
    LinuxConfig {
        instance: format!("probe-{}", std::process::id()),
        image_dir: state_dir.clone(),
        state_dir,
        allowed_sources: Vec::new(),
        first_host_id: LinuxConfig::DEFAULT_FIRST_HOST_ID,
        blank_sandboxes: 0,
        listen_at: ListenAt(([169, 254, 100, 1], 9001).into()),
        host_name: "sandbox".to_owned(),
        tmp_bytes: 1 << 20,
        tmp_inodes: 64,
        host_network: super::HostNetwork::Refused,
        egress_network: None,
    }
}

fn smallest_sandbox(config: &LinuxConfig) -> SandboxSpec {
    SandboxSpec {
        id: SandboxId::from_random(0),
        mounts: Vec::new(),
        overlays: Vec::new(),
        limits: Limits {
            memory_bytes: 128 << 20,
            milli_cpus: 1000,
            processes: 16,
            open_files: 64,
            tmp_bytes: config.tmp_bytes,
            tmp_inodes: config.tmp_inodes,
        },
        listen_at: config.listen_at,
        egress: Egress::None,
        host_name: config.host_name.clone(),
    }
}

/// The one wall that stands for all when none can be built.
fn unbuildable(error: &StartError) -> Wall {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Wall {
        name: "namespaces".to_owned(),
        stands: false,
        reason: format!("{error}{}", cause.unwrap_or_default()),
        remedy: remedy(),
    }
}

/// What usually keeps namespaces from an ordinary user, looked up on this host.
fn remedy() -> String {
    let is =
        |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|found| found.trim() == value);
    let advice = if is("/proc/sys/user/max_user_namespaces", "0") {
        "sysctl -w user.max_user_namespaces=15000"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
    } else if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
    } else {
        "run as root, outside of containers that hide /proc or forbid namespaces"
    };
    advice.to_owned()
}
