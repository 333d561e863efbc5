//! What a program finds out about itself inside: asserted, not assumed.

use std::collections::HashMap;

use firelight_sandbox::{Exit, Sandbox};

use crate::rig::{MIB, Rig, run, run_probe};

/// `/proc/self/status` as a table.
fn status(text: &str) -> HashMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once(":\t"))
        .collect()
}

#[tokio::test]
async fn no_capability_is_held_or_can_be_gained() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "status").await;

    let status = status(&outcome.output);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn the_seccomp_filters_and_the_users_are_in_force() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "status").await;

    let status = status(&outcome.output);
    // The launcher's, what is known, and what is refused.
    assert_eq!((status["Seccomp"], status["Seccomp_filters"]), ("2", "3"));
    assert_eq!(status["Uid"], "993\t993\t993\t993");
    assert_eq!(status["Gid"], "990\t990\t990\t990");
    if rig.stands("no-groups") {
        assert_eq!(status["Groups"].trim(), "");
    }
    rig.end(sandbox).await;
}

#[tokio::test]
async fn signals_are_as_a_program_expects_them_and_init_is_its_parent() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "signals").await;

    assert_eq!(
        outcome.output, "ignored none blocked none parent 1\n",
        "{outcome:?}"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_program_that_wakes_up_takes_the_processor_from_nobody() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "policy").await;

    assert_eq!(outcome.output, format!("{}\n", libc::SCHED_BATCH));
    rig.end(sandbox).await;
}

#[tokio::test]
async fn every_namespace_is_the_sandboxs_own() {
    let rig = Rig::new();
    let (one, two) = (rig.sandbox().await, rig.sandbox().await);

    let (first, second) = (
        run_probe(&one, "namespaces").await.output,
        run_probe(&two, "namespaces").await.output,
    );

    let host = crate::probe::namespaces().unwrap();
    for ((first, second), host) in first.lines().zip(second.lines()).zip(host.lines()) {
        assert!(
            first != second && first != host && second != host,
            "{first} {second} {host}"
        );
    }
    assert_eq!(first.lines().count(), 7);
    one.destroy().await.unwrap();
    rig.end(two).await;
}

#[tokio::test]
async fn each_sandbox_has_a_host_user_of_its_own() {
    let rig = Rig::new();
    if !rig.stands("own-user") {
        return rig.stop().await;
    }
    let (one, two) = (rig.sandbox().await, rig.sandbox().await);

    let inits = crate::rig::children_of(rig.driver.launcher_pid());

    let user = |pid: &u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status(&text)["Uid"]
            .split('\t')
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let users: Vec<u32> = inits.iter().map(user).collect();
    let first = rig.config.first_host_id;
    assert!(
        users[0] != users[1] && users.iter().all(|user| *user > first),
        "{users:?}"
    );
    one.destroy().await.unwrap();
    rig.end(two).await;
}

#[tokio::test]
async fn the_launcher_holds_what_it_needs_and_can_gain_nothing() {
    /// Of 41 capabilities those that `launcher/trim.rs` gives reasons for.
    const KEPT: u64 = 0x092c_10ef;
    let rig = Rig::new();
    let path = format!("/proc/{}/status", rig.driver.launcher_pid());

    let text = std::fs::read_to_string(path).unwrap();

    let launcher = status(&text);
    assert_eq!((launcher["NoNewPrivs"], launcher["Seccomp"]), ("1", "2"));
    if rig.stands("own-user") {
        for set in ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"] {
            let held = u64::from_str_radix(launcher[set], 16).unwrap();
            assert_eq!(held & !KEPT, 0, "{set} {held:x}");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn only_tmp_is_writable() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "writable").await;

    assert_eq!(outcome.output, "/tmp\n", "{outcome:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn the_root_holds_the_standard_directories_and_nothing_of_the_host() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "root").await;

    assert_eq!(
        outcome.output.lines().next().unwrap_or_default(),
        "bin dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var",
        "{outcome:?}"
    );
    assert_eq!(
        outcome.output.lines().nth(1).unwrap_or_default(),
        "fd full null random stderr stdin stdout urandom zero"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn files_belong_to_root_and_the_function_is_who_lambda_says() {
    let rig = Rig::new();
    if !rig.stands("own-user") {
        return rig.stop().await;
    }
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "owners").await;

    if !crate::rig::kernel_is_at_least(6, 3) {
        eprintln!("not tested here: owners of files in the root (Linux 6.3 maps them on tmpfs)");
        return rig.end(sandbox).await;
    }
    assert_eq!(
        outcome.output,
        "/ 0 0 755\n/var/task 0 0 755\n/etc/passwd 0 0 644\n/tmp 0 0 1777\n/var/task/probe 0 0\n",
        "{outcome:?}"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn names_of_network_services_are_those_of_the_host() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "services").await;

    let of_the_host = std::fs::read_to_string("/etc/services").unwrap_or_default();
    assert_eq!(outcome.output, of_the_host, "{outcome:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn the_limits_of_a_process_are_those_of_the_specification() {
    let rig = Rig::new();
    let sandbox = rig.sandbox_with(|spec| spec.limits.open_files = 512).await;

    let outcome = run_probe(&sandbox, "limits").await;

    assert_eq!(
        outcome.output,
        "files 512 512 core 1 1 memlock 65536 65536 processes 65 65\n"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_program_inherits_its_standard_streams_and_no_other_descriptor() {
    let rig = Rig::with(|config| config.blank_sandboxes = 1);
    let (other, sandbox) = (rig.sandbox().await, rig.sandbox().await);

    let outcome = run_probe(&sandbox, "descriptors").await;

    let lines: Vec<&str> = outcome.output.lines().collect();
    assert_eq!(lines.len(), 3, "{outcome:?}");
    assert_eq!(lines[0], "0 /dev/null");
    assert!(
        lines[1].starts_with("1 pipe:") && lines[2].starts_with("2 pipe:"),
        "{lines:?}"
    );
    other.destroy().await.unwrap();
    rig.end(sandbox).await;
}

#[tokio::test]
async fn standard_output_can_be_opened_again_by_its_name() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "reopen-stdout").await;

    assert_eq!(
        (outcome.exit, outcome.output.as_str()),
        (Exit::Code(0), "again"),
        "{outcome:?}"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn memory_and_cpu_time_are_counted() {
    let rig = Rig::new();
    if !rig.stands("memory-limit") {
        return rig.stop().await;
    }
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "use-64-mib").await;

    let usage = sandbox.usage().await.unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    assert!(usage.memory_peak_bytes >= 64 * MIB, "{usage:?}");
    assert!(usage.memory_bytes < 64 * MIB, "{usage:?}");
    assert!(!usage.cpu_time.is_zero(), "{usage:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn the_hosts_own_interpreters_run_unmodified() {
    let rig = Rig::with(|config| config.allowed_sources.push("/".into()));
    let sandbox = rig
        .sandbox_with(|spec| {
            spec.limits.memory_bytes = 1024 * MIB;
            spec.limits.processes = 256;
            let usr = firelight_sandbox::ReadOnlyMount {
                source: "/usr".into(),
                target: "/usr".into(),
            };
            spec.mounts
                .retain(|mount| !mount.target.starts_with("/usr"));
            spec.mounts.insert(0, usr);
        })
        .await;
    let mut tried = 0;
    for (path, arguments, expected) in [
        (
            "/usr/bin/python3.11",
            vec!["python3", "-c", PYTHON],
            "hello",
        ),
        ("/usr/bin/node", vec!["node", "-e", NODE], "hello"),
        (
            "/usr/bin/ruby",
            vec!["ruby", "-e", "Thread.new { puts 'hello' }.join"],
            "hello",
        ),
        (
            "/usr/bin/perl",
            vec!["perl", "-e", "print `echo hello`"],
            "hello",
        ),
        (
            "/usr/bin/java",
            vec!["java", "-Xmx64m", "--list-modules"],
            "java.base",
        ),
    ] {
        // The usual names are links over /etc, which is not shown inside.
        let Ok(path) = std::fs::canonicalize(path) else {
            eprintln!("not tested here: {path} is not installed");
            continue;
        };
        let program = crate::rig::program(&path.to_string_lossy(), &arguments);
        let outcome = run(&sandbox, program).await;
        assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
        assert!(outcome.output.contains(expected), "{outcome:?}");
        tried += 1;
    }
    eprintln!("{tried} interpreters ran");
    rig.end(sandbox).await;
}

const PYTHON: &str = "
import threading, subprocess, socket, tempfile, ssl, json
t = threading.Thread(target=lambda: None); t.start(); t.join()
socket.getaddrinfo('localhost', 80)
tempfile.TemporaryFile().write(b'x')
subprocess.run(['/usr/bin/env'], check=True, stdout=subprocess.DEVNULL)
print('hello')
";

const NODE: &str = "
const { Worker } = require('worker_threads');
require('os').cpus(); require('os').networkInterfaces();
require('fs').writeFileSync('/tmp/x', 'y');
require('child_process').execFileSync('/usr/bin/env');
new Worker('process.exit(0)', { eval: true }).on('exit', () => console.log('hello'));
";

#[test]
fn the_doctors_probe_finds_the_walls_this_host_gives() {
    let report = firelight_sandbox_linux::probe(None);

    for wall in ["namespaces", "read-only-root", "capabilities", "seccomp"] {
        assert!(
            report
                .walls
                .iter()
                .any(|found| found.name == wall && found.stands),
            "{report:?}"
        );
    }
    for missing in report.missing() {
        assert!(
            !missing.reason.is_empty() && !missing.remedy.is_empty(),
            "{missing:?}"
        );
        eprintln!(
            "missing here: {}: {} ({})",
            missing.name, missing.reason, missing.remedy
        );
    }
}
