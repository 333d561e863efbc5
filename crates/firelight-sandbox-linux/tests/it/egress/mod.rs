//! Egress by address translation, in a little internet of network namespaces around this test.
//!
//! ```text
//!  sandbox ── router ── [ this thread's namespace: "the host" ] ── [ another: "the internet" ]
//! ```

mod carried;
mod internet;
mod names;
mod probes;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use firelight_sandbox::{Egress, Exit, ListenAt, Sandbox, SandboxDriver};
use firelight_sandbox_linux::{EgressNetwork, EgressRules, HostNetwork, LinuxConfig};

use self::internet::on_a_host_of_its_own;
use crate::leaks;
use crate::rig::{self, Outcome, Rig, probe as probe_program, run};

const HOST: &str = "203.0.113.1";
const SERVER: &str = "203.0.113.2:80";
/// Where the daemon is reached from sandboxes of the usual network.
const API: &str = "198.18.0.1:4566";

fn with_egress(config: &mut LinuxConfig) {
    config.egress_network = Some(EgressNetwork::usual(LinuxConfig::DEFAULT_EGRESS_NETWORK));
}

/// Connects to each address; what should be blocked is not waited for as long as what should answer.
async fn reach(sandbox: &firelight_sandbox_linux::LinuxSandbox, addresses: &[&str]) -> Outcome {
    try_to_reach(sandbox, addresses, Duration::from_secs(20)).await
}

async fn try_to_reach(
    sandbox: &firelight_sandbox_linux::LinuxSandbox,
    addresses: &[&str],
    patience: Duration,
) -> Outcome {
    let mut program = probe_program("egress-reach");
    program.variables = vec![
        ("ADDRESSES".into(), addresses.join(" ").into()),
        (
            "PATIENCE_MS".into(),
            patience.as_millis().to_string().into(),
        ),
    ];
    run(sandbox, program).await
}

#[test]
fn the_internet_is_reached_through_the_hosts_address_and_nothing_nearer() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(with_egress);
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let other = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let _listening = other.spawn(probe_program("egress-listen")).await.unwrap();
        let daemon = TcpListener::bind("0.0.0.0:4566").unwrap();

        let reached = reach(&sandbox, &[SERVER]).await;
        let blocked = try_to_reach(
            &sandbox,
            &[
                "203.0.113.1:4566",   // the host by its outer address
                "198.18.0.2:4566",    // the host by its end of the link to the router
                "198.18.0.3:80",      // the router
                "198.18.1.0:80",      // the router by the sandbox's own link
                "198.18.1.3:8080",    // the other sandbox
                "10.1.2.3:80",        // the host's neighbours
                "169.254.169.254:80", // the metadata service
                "100.70.0.1:80",
            ],
            Duration::from_millis(300),
        )
        .await;

        assert_eq!(reached.output, format!("{SERVER} {HOST}\n"), "{reached:?}");
        assert_eq!(blocked.exit, Exit::Code(0), "{blocked:?}");
        assert_eq!(blocked.output.lines().count(), 8);
        for line in blocked.output.lines() {
            assert!(line.ends_with("blocked"), "{line}");
        }
        daemon.set_nonblocking(true).unwrap();
        assert_eq!(
            daemon.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        other.destroy().await.unwrap();
        rig.end(sandbox).await;
    });
}

fn rules(allow: &[&str], deny: &[&str]) -> EgressRules {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    EgressRules {
        allow: networks(allow),
        deny: networks(deny),
    }
}

/// Tells which of the addresses answered.
async fn answering(
    sandbox: &firelight_sandbox_linux::LinuxSandbox,
    addresses: &[&str],
) -> Vec<String> {
    let outcome = try_to_reach(sandbox, addresses, Duration::from_millis(300)).await;
    assert_eq!(
        outcome.output.lines().count(),
        addresses.len(),
        "{outcome:?}"
    );
    let answered = outcome
        .output
        .lines()
        .filter(|line| !line.ends_with("blocked"));
    answered
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

const NEIGHBOUR: &str = "10.1.2.3:80";
const CARRIER: &str = "100.70.0.1:80";
const METADATA: &str = "169.254.169.254:80";

#[test]
fn lists_open_and_close_networks_for_everyone_and_for_those_under_a_policy() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(|config| {
            config.egress_network = Some(EgressNetwork {
                rules: rules(&["10.1.0.0/16"], &["203.0.113.2"]),
                policies: vec![
                    rules(
                        &["203.0.113.2"],
                        &["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"],
                    ),
                    rules(&["100.70.0.0/16"], &[]),
                ],
                ..EgressNetwork::usual(LinuxConfig::DEFAULT_EGRESS_NETWORK)
            });
            config.blank_sandboxes = 1;
        });
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let all = [SERVER, NEIGHBOUR, CARRIER];
        let plain = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let closed = rig
            .sandbox_with(|spec| spec.egress = Egress::NatUnder(0))
            .await;
        let opened = rig
            .sandbox_with(|spec| spec.egress = Egress::NatUnder(1))
            .await;

        assert_eq!(answering(&plain, &all).await, [NEIGHBOUR]);
        assert_eq!(answering(&closed, &all).await, [SERVER]);
        assert_eq!(answering(&opened, &all).await, [NEIGHBOUR, CARRIER]);

        for sandbox in [plain, closed, opened] {
            sandbox.destroy().await.unwrap();
        }
        rig.stop().await;
    });
}

#[test]
fn no_list_opens_the_host_the_metadata_service_or_another_sandbox() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(|config| {
            config.egress_network = Some(EgressNetwork {
                rules: rules(
                    &[
                        "0.0.0.0/0",
                        "169.254.0.0/16",
                        "198.18.0.0/15",
                        "203.0.113.1",
                    ],
                    &[],
                ),
                ..EgressNetwork::usual(LinuxConfig::DEFAULT_EGRESS_NETWORK)
            });
        });
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let other = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let _listening = other.spawn(probe_program("egress-listen")).await.unwrap();
        let _daemon = TcpListener::bind("0.0.0.0:4566").unwrap();

        let answered = answering(
            &sandbox,
            &[
                METADATA,
                "203.0.113.1:4566", // the host by its outer address
                "198.18.0.2:4566",  // the host by its end of the link to the router
                "198.18.0.1:4566",  // the API, which was not asked for
                "198.18.1.3:8080",  // the other sandbox
                SERVER,
            ],
        )
        .await;

        assert_eq!(answered, [SERVER]);
        other.destroy().await.unwrap();
        rig.end(sandbox).await;
    });
}

#[test]
fn the_api_listens_inside_the_sandboxes_network_and_nowhere_else() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(|config| {
            config.egress_network = Some(EgressNetwork {
                rules: rules(&[], &["0.0.0.0/0"]),
                api: true,
                ..EgressNetwork::usual(LinuxConfig::DEFAULT_EGRESS_NETWORK)
            });
        });
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let listener = rig.driver.take_api_listener().unwrap();
        assert_eq!(listener.local_addr().unwrap().to_string(), API);
        let serving = std::thread::spawn(move || {
            let (mut client, from) = listener.accept().unwrap();
            write!(client, "{}", from.ip()).unwrap();
        });
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;

        let reached = reach(&sandbox, &[API]).await;
        serving.join().unwrap();
        let from_host =
            TcpStream::connect_timeout(&API.parse().unwrap(), Duration::from_millis(300));

        // The daemon sees the sandbox's own address.
        assert_eq!(reached.output, format!("{API} 198.18.1.1\n"), "{reached:?}");
        assert!(from_host.is_err(), "the host has no business there");
        assert!(rig.driver.take_api_listener().is_none());
        rig.end(sandbox).await;
    });
}

#[test]
fn what_goes_out_and_comes_in_is_counted() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(with_egress);
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        let walled = rig.sandbox_with(|_| {}).await;
        let before = sandbox.traffic().await.unwrap();

        reach(&sandbox, &[SERVER]).await;
        let after = sandbox.traffic().await.unwrap();

        // At least the three packets of a handshake, each with headers of 54 bytes.
        assert!(after.sent_bytes >= before.sent_bytes + 2 * 54, "{after:?}");
        assert!(
            after.received_bytes >= before.received_bytes + 54,
            "{after:?}"
        );
        let nothing = firelight_sandbox::Traffic::default();
        assert_eq!(walled.traffic().await.unwrap(), nothing);
        walled.destroy().await.unwrap();
        rig.end(sandbox).await;
    });
}

#[test]
fn a_sandbox_cannot_lie_about_its_address() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(with_egress);
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;

        let outcome = run(&sandbox, probe_program("egress-spoof")).await;

        // Without rights over its network it cannot even take another address.
        assert_eq!(
            outcome.output,
            "take-address EPERM\nfrom-other-address EADDRNOTAVAIL\n"
        );
        rig.end(sandbox).await;
    });
}

#[test]
fn nothing_of_the_network_is_left_when_the_launcher_is_killed() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(with_egress);
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        assert_eq!(interfaces().len(), 3, "{:?}", interfaces());
        let tables = leaks::tables_of(&rig.config.instance);
        assert_eq!(tables.len(), 1, "the checker sees what is there");

        rig::kill(rig.driver.launcher_pid());
        rig.driver.stop().await;
        drop(sandbox);

        // The kernel takes down the router's namespace when it comes to it.
        while interfaces().len() > 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let again = rig.start_again();
        let sandbox = again.sandbox_with(|spec| spec.egress = Egress::Nat).await;
        assert_eq!(
            reach(&sandbox, &[SERVER]).await.output,
            format!("{SERVER} {HOST}\n")
        );
        again.end(sandbox).await;
        while interfaces().len() > 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(
            std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(),
            "0\n"
        );
    });
}

#[test]
fn sandboxes_with_egress_come_and_go_and_each_has_a_way_out() {
    on_a_host_of_its_own(async || {
        let rig = Rig::with(|config| {
            with_egress(config);
            config.blank_sandboxes = 4;
        });
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        for _ in 0..30 {
            let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
            let outcome = reach(&sandbox, &[SERVER]).await;
            assert_eq!(outcome.output, format!("{SERVER} {HOST}\n"), "{outcome:?}");
            drop(sandbox);
        }
        rig.stop().await;
    });
}

#[tokio::test]
async fn an_egress_that_is_not_there_or_not_allowed_is_refused() {
    let rig = Rig::new();
    for egress in [Egress::Nat, Egress::NatUnder(0), Egress::Host] {
        let mut spec = rig::spec();
        spec.egress = egress;

        let launched = rig.driver.launch(spec).await;

        let refused = matches!(
            launched,
            Err(firelight_sandbox::LaunchError::WallMissing { .. })
        );
        assert!(refused, "{launched:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_hosts_own_network_is_given_only_where_it_is_allowed() {
    let rig = Rig::with(|config| config.host_network = HostNetwork::Allowed);
    let neighbour = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = neighbour.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        neighbour
            .accept()
            .map(|(mut client, _)| client.write_all(b"hello"))
    });
    let mut sandbox = rig
        .sandbox_with(|spec| {
            spec.egress = Egress::Host;
            spec.listen_at = ListenAt("127.0.0.1:0".parse().unwrap());
        })
        .await;

    let outcome = reach(&sandbox, &[&address]).await;

    assert_eq!(outcome.output, format!("{address} hello\n"), "{outcome:?}");
    let listener = sandbox.take_listener().unwrap();
    assert_ne!(listener.local_addr().unwrap().port(), 0);
    rig.end(sandbox).await;
}

/// The interfaces of this thread's network.
fn interfaces() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    table
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect()
}

/// Runs the probe of that name if it is one of these.
pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    probes::probe(name).or_else(|| carried::probe(name))
}
