//! Names, where only the host itself can resolve them.

use std::net::UdpSocket;

use firelight_sandbox::Egress;

use super::internet::{on_a_host_of_its_own, show_at};
use super::with_egress;
use crate::rig::{Rig, probe, run};

#[test]
fn a_resolver_on_the_hosts_loopback_is_asked_by_the_daemon_in_the_sandboxs_place() {
    on_a_host_of_its_own(async || {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nameserver 127.0.0.1\n").unwrap();
        show_at(file.path(), "/etc/resolv.conf");
        let resolver = UdpSocket::bind("127.0.0.1:53").unwrap();
        std::thread::spawn(move || serve_names(&resolver));
        let rig = Rig::with(with_egress);
        if !rig.stands("egress-nat") {
            return rig.stop().await;
        }
        let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;

        let resolved = run(&sandbox, probe("egress-name")).await;

        assert_eq!(resolved.output, "203.0.113.2:80\n", "{resolved:?}");
        rig.end(sandbox).await;
    });
}

/// Answers every question about an address of version 4, and none about one of version 6.
fn serve_names(socket: &UdpSocket) {
    const VERSION_4: u8 = 1;
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let question = &buffer[..length];
        let mut end = 12;
        while question[end] != 0 {
            end += 1 + usize::from(question[end]);
        }
        let known = question[end + 2] == VERSION_4;
        let mut answer = question[..end + 5].to_vec();
        // An answer, by one who resolves for others, with one record or none.
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, known.into(), 0, 0, 0, 0]);
        if known {
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 2]);
        }
        socket.send_to(&answer, from).unwrap();
    }
}
