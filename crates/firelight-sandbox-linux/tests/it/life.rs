//! From launch to destruction: programs, their exits, resets, freezing, and what is left afterwards.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use firelight_sandbox::{
    Exit, LaunchError, ProcessSpec, ReadOnlyMount, Sandbox, SandboxDriver, SandboxProcess,
    SpawnError,
};

use crate::leaks;
use crate::rig::{self, Rig, finish, probe, program, run, run_probe};

#[tokio::test]
async fn a_program_gets_exactly_its_variables_arguments_and_directory() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run(
        &sandbox,
        ProcessSpec {
            variables: vec![("B".into(), "2".into()), ("A".into(), "=\n".into())],
            directory: "/var/task".into(),
            ..probe("environment")
        },
    )
    .await;

    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    assert_eq!(
        outcome.output,
        "B=2\nA==\n\ndirectory /var/task\nargument environment\n"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn exits_and_deaths_are_told_apart() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    assert_eq!(run_probe(&sandbox, "exit-7").await.exit, Exit::Code(7));
    assert_eq!(run_probe(&sandbox, "abort").await.exit, Exit::Signal(6));
    let mut sleeper = sandbox.spawn(probe("sleep")).await.unwrap();
    sleeper.signal(15).await.unwrap();
    assert_eq!(finish(&mut sleeper).await.exit, Exit::Signal(15));

    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_an_exec_error_with_its_reason() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    for (path, reason) in [
        ("/var/task/bootstrap", 2),
        ("/var/task", 13),
        ("/etc/passwd", 13),
    ] {
        match sandbox.spawn(program(path, &["x"])).await {
            Err(SpawnError::Exec { source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(reason), "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }

    rig.end(sandbox).await;
}

#[tokio::test]
async fn the_listener_is_reached_from_inside_and_from_nowhere_else() {
    let rig = Rig::new();
    let mut sandbox = rig.sandbox().await;
    let listener = sandbox.take_listener().unwrap();
    assert!(sandbox.take_listener().is_none());

    let second = listener.try_clone().unwrap();

    let mut process = sandbox.spawn(probe("connect")).await.unwrap();
    let accepted = tokio::task::spawn_blocking(move || listener.accept())
        .await
        .unwrap();
    let (mut connection, peer) = accepted.unwrap();
    let mut heard = [0; 5];
    connection.read_exact(&mut heard).unwrap();
    connection.write_all(b"world").unwrap();
    drop(connection);

    assert_eq!(&heard, b"hello");
    assert_eq!(peer.ip(), rig::listen_at().0.ip());
    assert_eq!(finish(&mut process).await.output, "world");
    // Whatever answers on the host's network, it is not this listener.
    let _ = TcpStream::connect_timeout(&rig::listen_at().0, Duration::from_millis(200));
    second.set_nonblocking(true).unwrap();
    assert_eq!(
        second.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn killing_the_processes_keeps_the_sandbox_its_tmp_and_its_listener() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    assert_eq!(run_probe(&sandbox, "write-tmp").await.exit, Exit::Code(0));
    let mut stubborn = sandbox.spawn(probe("orphans")).await.unwrap();
    let mut first_line = [0; 6];
    let stdout = std::fs::File::from(stubborn.take_output().unwrap());
    let mut reader = stdout.try_clone().unwrap();
    tokio::task::spawn_blocking(move || reader.read_exact(&mut first_line))
        .await
        .unwrap()
        .unwrap();

    sandbox.kill_processes().await.unwrap();

    assert_eq!(stubborn.wait().await, Exit::Signal(9));
    let mut rest = Vec::new();
    let mut stdout = stdout;
    // The pipe ends only when the last of the orphans is dead.
    stdout.read_to_end(&mut rest).unwrap();
    let outcome = run_probe(&sandbox, "read-tmp").await;
    assert_eq!(outcome.output, "kept", "{outcome:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_frozen_sandbox_stands_still_until_it_is_thawed() {
    let rig = Rig::new();
    if !rig.stands("freezer") {
        return rig.stop().await;
    }
    let sandbox = rig.sandbox().await;
    let mut counter = sandbox.spawn(probe("count")).await.unwrap();
    let mut stdout = std::fs::File::from(counter.take_output().unwrap());
    let mut byte = [0];
    stdout.read_exact(&mut byte).unwrap();

    sandbox.freeze().await.unwrap();
    let before = sandbox.usage().await.unwrap().cpu_time;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let after = sandbox.usage().await.unwrap().cpu_time;
    sandbox.thaw().await.unwrap();

    assert_eq!(before, after);
    stdout.read_exact(&mut byte).unwrap();
    while sandbox.usage().await.unwrap().cpu_time == after {
        tokio::task::yield_now().await;
    }
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_frozen_sandbox_can_be_destroyed() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut sleeper = sandbox.spawn(probe("sleep")).await.unwrap();
    sandbox.freeze().await.unwrap();

    rig.end(sandbox).await;

    assert_eq!(sleeper.wait().await, Exit::SandboxLost);
}

#[tokio::test]
async fn the_processes_of_a_frozen_sandbox_can_be_killed() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut sleeper = sandbox.spawn(probe("sleep")).await.unwrap();
    sandbox.freeze().await.unwrap();

    sandbox.kill_processes().await.unwrap();

    assert_eq!(sleeper.wait().await, Exit::Signal(9));
    assert_eq!(run_probe(&sandbox, "exit-7").await.exit, Exit::Code(7));
    rig.end(sandbox).await;
}

#[tokio::test]
async fn dropping_a_sandbox_kills_everything_in_it() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut sleeper = sandbox.spawn(probe("sleep")).await.unwrap();
    let mut stdout = std::fs::File::from(sleeper.take_output().unwrap());

    drop(sandbox);

    let mut rest = Vec::new();
    tokio::task::spawn_blocking(move || stdout.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(sleeper.wait().await, Exit::SandboxLost);
    rig.stop().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_sandbox_or_of_the_driver() {
    let rig = Rig::with(|config| config.blank_sandboxes = 2);
    for _ in 0..5 {
        let sandbox = rig.sandbox().await;
        run_probe(&sandbox, "write-tmp").await;
        sandbox.destroy().await.unwrap();
    }

    if rig.stands("memory-limit") {
        let seen = leaks::cgroups_of(&rig.config.instance);
        assert!(!seen.is_empty(), "the checker sees what is there");
    }
    // Which looks for what is left, here as in every test.
    rig.stop().await;
}

#[tokio::test]
async fn when_the_launcher_is_killed_its_sandboxes_die_and_the_next_start_sweeps() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    let mut sleeper = sandbox.spawn(probe("sleep")).await.unwrap();

    rig::kill(rig.driver.launcher_pid());

    assert_eq!(sleeper.wait().await, Exit::SandboxLost);
    let launched = rig.driver.launch(rig::spec()).await;
    assert!(
        matches!(launched, Err(LaunchError::LauncherGone)),
        "{launched:?}"
    );
    let again = rig.start_again();
    let fresh = again.sandbox().await;
    assert_eq!(run_probe(&fresh, "exit-7").await.exit, Exit::Code(7));
    again.end(fresh).await;
}

#[tokio::test]
async fn when_init_is_killed_the_sandbox_is_lost_alone() {
    let rig = Rig::new();
    let (doomed, spared) = (rig.sandbox().await, rig.sandbox().await);
    let mut in_doomed = doomed.spawn(probe("sleep")).await.unwrap();
    let inits = rig::children_of(rig.driver.launcher_pid());
    assert_eq!(inits.len(), 2);

    rig::kill(inits[0]);

    assert_eq!(in_doomed.wait().await, Exit::SandboxLost);
    assert!(matches!(
        doomed.spawn(probe("sleep")).await,
        Err(SpawnError::Sandbox(_))
    ));
    assert_eq!(run_probe(&spared, "exit-7").await.exit, Exit::Code(7));
    doomed.destroy().await.unwrap();
    rig.end(spared).await;
}

#[tokio::test]
async fn a_source_outside_the_allowed_places_is_refused() {
    let rig = Rig::new();
    let mut spec = rig::spec();
    spec.mounts.push(ReadOnlyMount {
        source: "/root".into(),
        target: "/var/task".into(),
    });

    let launched = rig.driver.launch(spec).await;

    assert!(
        matches!(launched, Err(LaunchError::Step { .. })),
        "{launched:?}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_blank_sandbox_serves_a_spec_of_its_kind_with_all_that_it_asks() {
    let rig = Rig::with(|config| config.blank_sandboxes = 1);
    let first = rig.sandbox().await;

    let sandbox = rig
        .sandbox_with(|spec| {
            spec.host_name = "other-name".into();
            spec.limits.tmp_bytes = 4 * rig::MIB;
        })
        .await;

    let outcome = run_probe(&sandbox, "names").await;
    assert_eq!(
        outcome.output, "other-name 4194304 127.0.0.1\n",
        "{outcome:?}"
    );
    first.destroy().await.unwrap();
    rig.end(sandbox).await;
}

#[tokio::test]
async fn layers_are_merged_and_the_last_one_wins() {
    let rig = Rig::new();
    let layers = ["one", "two"].map(|layer| rig.dir.path().join(layer));
    for (index, layer) in layers.iter().enumerate() {
        std::fs::create_dir(layer).unwrap();
        std::fs::write(layer.join("both"), format!("{index}")).unwrap();
        std::fs::write(layer.join(format!("only{index}")), "here").unwrap();
    }
    let sandbox = rig
        .sandbox_with(|spec| {
            spec.overlays.push(firelight_sandbox::Overlay {
                sources: layers.to_vec(),
                target: "/opt".into(),
            });
        })
        .await;

    let outcome = run_probe(&sandbox, "layers").await;

    assert_eq!(outcome.output, "1 here here\n", "{outcome:?}");
    rig.end(sandbox).await;
}

#[test]
fn the_listeners_address_is_the_one_lambda_uses() {
    assert_eq!(
        rig::listen_at().0,
        SocketAddr::from(([169, 254, 100, 1], 9001))
    );
}
