//! `firelight doctor`: what this host gives, and how to get the rest.
//!
//! The walls of a sandbox are not guessed: one is built and taken down again.

use std::path::Path;

use firelight_runtimes::{Inventory, Runtime};
use firelight_sandbox_linux::{HostReport, Ipv4Network, TMP_ON_DISK};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{ClientConfig, EgressConfig};
use crate::daemon::egress::EgressNetwork;
use crate::failure::{Exit, Failure, Outcome};
use crate::hostview;
use crate::terminal::{Terminal, table};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    name: String,
    /// How the host stands: without a `missing` one, every function that fits a usable runtime can run.
    status: Status,
    what: String,
    /// What to do; empty when nothing is wanting.
    remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Firelight works without it, and gives more with it.
    Optional,
    Missing,
}

pub fn run(config: &ClientConfig, terminal: &Terminal) -> Outcome {
    let waiting = terminal.wait_for("looking at this host");
    let inventory = hostview::inventory(&config.runtimes)
        .map_err(|error| Failure::because(Exit::Usage, "could not use [runtimes]", &error))?;
    let usable = hostview::usable(&inventory, hostview::today());
    let mut findings = vec![kernel(), control_groups(), kvm()];
    findings.extend(walls(&try_sandboxes(&config.egress)));
    findings.push(way_out(&config.egress));
    findings.extend(interpreters(&inventory, &usable));
    drop(waiting);
    let document = document(&findings, &inventory, &usable);
    terminal.result(&document, || text(&findings, &usable))?;
    let is_whole = findings
        .iter()
        .all(|finding| finding.status != Status::Missing);
    Ok(if is_whole {
        Exit::Success
    } else {
        Exit::HostLacks
    })
}

/// Tries them with the network that a daemon started now would take.
fn try_sandboxes(egress: &EgressConfig) -> HostReport {
    let network = EgressNetwork::take(&egress.networks, 0);
    firelight_sandbox_linux::probe(network.as_ref().map(|network| network.address))
}

fn finding(name: &str, status: Status, what: impl Into<String>, remedy: &str) -> Finding {
    let remedy = if status == Status::Ok { "" } else { remedy };
    Finding {
        name: name.to_owned(),
        status,
        what: what.into(),
        remedy: remedy.to_owned(),
    }
}

/// Tells what the configuration lets functions reach.
fn way_out(egress: &EgressConfig) -> Finding {
    let list = |networks: &[Ipv4Network]| {
        let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
        match networks.is_empty() {
            true => "nothing".to_owned(),
            false => networks.join(" "),
        }
    };
    let api = if egress.api { "is" } else { "is not" };
    let what = format!(
        "IPv4 only; beyond the usual, {} is allowed and {} denied; {} tags have rules of their own; this API {api} reached",
        list(&egress.rules.allow),
        list(&egress.rules.deny),
        egress.tags.len()
    );
    finding("egress-rules", Status::Ok, what, "")
}

fn kernel() -> Finding {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let what = format!("Linux {}, {}", release.trim(), std::env::consts::ARCH);
    finding("kernel", Status::Ok, what, "")
}

fn control_groups() -> Finding {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (status, what) = match cgroup_versions(&mounts) {
        (true, true) => (Status::Ok, "version 1 and 2 (hybrid)"),
        (true, false) => (Status::Ok, "version 1"),
        (false, true) => (Status::Ok, "version 2"),
        (false, false) => (Status::Missing, "not mounted, so nothing can be limited"),
    };
    finding(
        "control-groups",
        status,
        what,
        "mount -t cgroup2 none /sys/fs/cgroup",
    )
}

/// Tells which versions a mount table shows: the file system type stands after a lone dash.
fn cgroup_versions(mounts: &str) -> (bool, bool) {
    let has = |kind: &str| mounts.contains(&format!(" - {kind} "));
    (has("cgroup"), has("cgroup2"))
}

fn kvm() -> Finding {
    let device = Path::new("/dev/kvm");
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(device);
    match opened {
        Ok(_) => finding("kvm", Status::Ok, "/dev/kvm can be opened", ""),
        Err(error) => finding(
            "kvm",
            Status::Optional,
            format!("/dev/kvm cannot be opened ({error}); functions run in process sandboxes"),
            "for microVMs: enable virtualisation in the firmware, load kvm_intel or kvm_amd, and \
             join the group kvm",
        ),
    }
}

fn walls(report: &HostReport) -> Vec<Finding> {
    let walls = report.walls.iter().map(|wall| {
        let status = match &*wall.name {
            _ if wall.stands => Status::Ok,
            TMP_ON_DISK => Status::Optional,
            _ => Status::Missing,
        };
        finding(
            &format!("sandbox: {}", wall.name),
            status,
            &*wall.reason,
            &wall.remedy,
        )
    });
    walls.collect()
}

fn interpreters(inventory: &Inventory, usable: &[&'static Runtime]) -> Vec<Finding> {
    let families = hostview::FAMILIES.iter().map(|(family, name, package)| {
        let found = inventory.found().iter().filter(|one| one.family == *family);
        let found: Vec<_> = found
            .map(|one| format!("{} ({})", one.version, one.program.display()))
            .collect();
        let is_usable = usable.iter().any(|runtime| runtime.family == *family);
        let status = if is_usable {
            Status::Ok
        } else {
            Status::Optional
        };
        let what = if found.is_empty() {
            "none found".to_owned()
        } else {
            found.join(", ")
        };
        finding(name, status, what, &format!("apt-get install {package}"))
    });
    families.collect()
}

fn document(findings: &[Finding], inventory: &Inventory, usable: &[&'static Runtime]) -> Value {
    let interpreters: Vec<_> = inventory
        .found()
        .iter()
        .map(|one| {
            json!({
                "family": format!("{:?}", one.family),
                "version": one.version.to_string(),
                "program": one.program,
            })
        })
        .collect();
    let usable: Vec<_> = usable.iter().map(|runtime| runtime.identifier).collect();
    json!({ "findings": findings, "interpreters": interpreters, "runtimes": usable })
}

fn text(findings: &[Finding], usable: &[&'static Runtime]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            let mark = match finding.status {
                Status::Ok => "ok",
                Status::Optional => "-",
                Status::Missing => "MISSING",
            };
            [mark.to_owned(), finding.name.clone(), finding.what.clone()]
        })
        .collect();
    let mut text = table(["", "WHAT", "THIS HOST"], &rows);
    for finding in findings.iter().filter(|finding| !finding.remedy.is_empty()) {
        text.push_str(&format!(
            "\n{}: {}\n  try: {}\n",
            finding.name, finding.what, finding.remedy
        ));
    }
    let usable: Vec<_> = usable.iter().map(|runtime| runtime.identifier).collect();
    text.push_str(&format!("\nusable runtimes: {}\n", usable.join(", ")));
    text
}

#[cfg(test)]
mod tests {
    use firelight_sandbox_linux::Wall;

    use super::*;

    #[test]
    fn the_versions_of_control_groups_are_read_from_the_mount_table() {
        let one = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        let two = "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

        assert_eq!(cgroup_versions(one), (true, false));
        assert_eq!(cgroup_versions(two), (false, true));
        assert_eq!(cgroup_versions(&format!("{one}\n{two}")), (true, true));
    }

    #[test]
    fn a_missing_wall_is_shown_with_its_remedy() {
        let wall = |name: &str, stands, remedy: &str| Wall {
            name: name.to_owned(),
            stands,
            reason: "because".to_owned(),
            remedy: remedy.to_owned(),
        };
        let report = HostReport {
            walls: vec![wall("a", true, ""), wall("b", false, "do it")],
        };

        let text = text(&walls(&report), &[]);

        assert!(text.contains("MISSING  sandbox: b  because\n"), "{text}");
        assert!(text.contains("try: do it"), "{text}");
    }

    #[test]
    fn what_is_well_has_no_remedy() {
        assert_eq!(finding("x", Status::Ok, "y", "z").remedy, "");
    }
}
