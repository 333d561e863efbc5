//! Two programs without a C library, as small as a start can be, so that what is timed is the start.
//!
//! Their machine code is written out here, one instruction a line, because a benchmark that ships in one binary has no
//! compiler at hand. Deliberately absent: other machines than `x86_64`.

use std::net::SocketAddrV4;
use std::time::Duration;

use firelight_runtimes::RUNTIME_API_ADDRESS;

/// Room behind a program for what it reads.
const BUFFER_BYTES: u64 = 4096;
/// Where programs are loaded.
const BASE: u64 = 0x40_0000;
const ELF_HEADER_BYTES: u16 = 64;
const PROGRAM_HEADER_BYTES: u16 = 56;

/// The program that writes one byte and ends; `None` where its machine code does not run.
pub fn first_byte() -> Option<Vec<u8>> {
    cfg!(target_arch = "x86_64").then(|| elf(&FIRST_BYTE.concat()))
}

/// The runtime that answers every event with `1`, for a Runtime API at this address; `None` where its machine code does
/// not run. It takes `pause` for each, and counts on getting each answer with one read.
pub fn runtime(api: SocketAddrV4, pause: Duration) -> Option<Vec<u8>> {
    cfg!(target_arch = "x86_64").then(|| {
        let port = api.port().to_be_bytes();
        let address = [&[2, 0], &port[..], &api.ip().octets(), &[0; 8]].concat();
        let pause = [pause.as_secs(), pause.subsec_nanos().into()].map(u64::to_le_bytes);
        elf(&[RUNTIME.concat(), address, pause.concat(), REQUESTS.concat()].concat())
    })
}

/// The runtime for sandboxes.
pub fn runtime_inside(pause: Duration) -> Option<Vec<u8>> {
    let api = RUNTIME_API_ADDRESS
        .parse()
        .expect("the constant is an address");
    runtime(api, pause)
}

const FIRST_BYTE: &[&[u8]] = &[
    b"\xb8\x01\x00\x00\x00",         // mov eax, 1 (write)
    b"\x89\xc7",                     // mov edi, eax (standard output)
    b"\x48\x8d\x35\x0d\x00\x00\x00", // lea rsi, [byte]
    b"\x89\xc2",                     // mov edx, eax
    b"\x0f\x05",                     // syscall
    b"\xb8\x3c\x00\x00\x00",         // mov eax, 60 (exit)
    b"\x31\xff",                     // xor edi, edi
    b"\x0f\x05",                     // syscall
    b"!",                            // byte
];

const RUNTIME: &[&[u8]] = &[
    b"\xbf\x02\x00\x00\x00",         // mov edi, 2 (AF_INET)
    b"\xbe\x01\x00\x00\x00",         // mov esi, 1 (SOCK_STREAM)
    b"\x31\xd2",                     // xor edx, edx
    b"\xb8\x29\x00\x00\x00",         // mov eax, 41 (socket)
    b"\x0f\x05",                     // syscall
    b"\x89\xc3",                     // mov ebx, eax
    b"\x89\xdf",                     // mov edi, ebx
    b"\x48\x8d\x35\xa4\x00\x00\x00", // lea rsi, [address]
    b"\xba\x10\x00\x00\x00",         // mov edx, 16
    b"\xb8\x2a\x00\x00\x00",         // mov eax, 42 (connect)
    b"\x0f\x05",                     // syscall
    b"\x85\xc0",                     // test eax, eax
    b"\x0f\x85\x84\x00\x00\x00",     // jnz exit
    // next:
    b"\x48\x8d\x35\xa9\x00\x00\x00", // lea rsi, [get]
    b"\xba\x3d\x00\x00\x00",         // mov edx, its length
    b"\xe8\x53\x00\x00\x00",         // call exchange
    b"\x48\x8d\x3d\x88\x00\x00\x00", // lea rdi, [pause]
    b"\x31\xf6",                     // xor esi, esi
    b"\x48\x39\x77\x08",             // cmp [rdi + 8], rsi (no nanoseconds)
    b"\x74\x07",                     // je answer
    b"\xb8\x23\x00\x00\x00",         // mov eax, 35 (nanosleep)
    b"\x0f\x05",                     // syscall
    // answer:
    b"\x48\x8d\x35\x3a\x01\x00\x00", // lea rsi, [buffer]
    // find: the end of "Lambda-Runtime-Aws-Request-Id", in any case
    b"\x8b\x06",                     // mov eax, [rsi]
    b"\x0d\x20\x20\x20\x20",         // or eax, "    "
    b"\x48\xff\xc6",                 // inc rsi
    b"\x3d\x74\x2d\x69\x64",         // cmp eax, "t-id"
    b"\x75\xef",                     // jne find
    b"\x48\x83\xc6\x05",             // add rsi, 5
    b"\x48\x8d\x3d\xc7\x00\x00\x00", // lea rdi, [id]
    b"\xb9\x24\x00\x00\x00",         // mov ecx, 36
    b"\xf3\xa4",                     // rep movsb
    b"\x48\x8d\x35\x95\x00\x00\x00", // lea rsi, [post]
    b"\xba\x7b\x00\x00\x00",         // mov edx, its length
    b"\xe8\x02\x00\x00\x00",         // call exchange
    b"\xeb\x9c",                     // jmp next
    // exchange: sends the request, reads the answer
    b"\x89\xdf",                     // mov edi, ebx
    b"\xb8\x01\x00\x00\x00",         // mov eax, 1 (write)
    b"\x0f\x05",                     // syscall
    b"\x48\x8d\x35\xf4\x00\x00\x00", // lea rsi, [buffer]
    b"\xba\x00\x10\x00\x00",         // mov edx, 4096
    b"\x89\xdf",                     // mov edi, ebx
    b"\x31\xc0",                     // xor eax, eax (read)
    b"\x0f\x05",                     // syscall
    b"\x85\xc0",                     // test eax, eax
    b"\x7e\x01",                     // jle exit
    b"\xc3",                         // ret
    // exit:
    b"\xbf\x01\x00\x00\x00", // mov edi, 1
    b"\xb8\x3c\x00\x00\x00", // mov eax, 60 (exit)
    b"\x0f\x05",             // syscall
                             // address, pause:
];

const REQUESTS: &[&[u8]] = &[
    // get:
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: r\r\n\r\n",
    // post:
    b"POST /2018-06-01/runtime/invocation/",
    b"000000000000000000000000000000000000", // id
    b"/response HTTP/1.1\r\nHost: r\r\nContent-Length: 1\r\n\r\n1",
    // buffer:
];

/// Wraps code that starts at its first byte into an executable with one segment.
fn elf(code: &[u8]) -> Vec<u8> {
    let header_bytes = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
    let file_bytes = u64::from(header_bytes) + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec(); // 64 bits, little-endian, version 1
    file.resize(16, 0);
    file.extend([2u16, 62].map(u16::to_le_bytes).concat()); // executable, x86_64
    file.extend(1u32.to_le_bytes());
    let entry = BASE + u64::from(header_bytes);
    file.extend(
        [entry, ELF_HEADER_BYTES.into(), 0]
            .map(u64::to_le_bytes)
            .concat(),
    );
    file.extend(0u32.to_le_bytes());
    let shape = [ELF_HEADER_BYTES, PROGRAM_HEADER_BYTES, 1, 0, 0, 0];
    file.extend(shape.map(u16::to_le_bytes).concat());
    file.extend([1u32, 7].map(u32::to_le_bytes).concat()); // loaded; may be read, written and executed
    let memory_bytes = file_bytes + BUFFER_BYTES;
    let segment = [0, BASE, BASE, file_bytes, memory_bytes, 0x1000];
    file.extend(segment.map(u64::to_le_bytes).concat());
    file.extend_from_slice(code);
    file
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// Writes a program where it can be executed. By another process, so that no descriptor that is open for writing
    /// is inherited by what another test starts at this moment.
    fn installed(program: &[u8], directory: &tempfile::TempDir) -> Command {
        let (written, path) = ("written", directory.path().join("program"));
        let written = directory.path().join(written);
        std::fs::write(&written, program).expect("the directory is writable");
        let copied = Command::new("cp").arg(&written).arg(&path).status();
        assert!(copied.is_ok_and(|status| status.success()));
        let executable = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("the file is there");
        Command::new(path)
    }

    #[test]
    fn first_byte_writes_one_byte_and_ends_well() {
        let directory = tempfile::tempdir().unwrap();

        let output = installed(&first_byte().unwrap(), &directory)
            .output()
            .unwrap();

        assert_eq!(
            (output.stdout.as_slice(), output.status.code()),
            (&b"!"[..], Some(0))
        );
    }

    #[test]
    fn runtime_answers_events_by_their_ids_until_the_connection_ends() {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("bound to version 4")
        };
        let pause = Duration::from_millis(20);
        let mut child = installed(&runtime(address, pause).unwrap(), &directory)
            .spawn()
            .unwrap();
        let (mut stream, _) = listener.accept().unwrap();

        for id in [
            "0d1b7ad1-24ee-4b20-8ca2-1b2b6fca0001",
            "0d1b7ad1-24ee-4b20-8ca2-1b2b6fca0002",
        ] {
            assert!(request(&mut stream).starts_with("GET /2018-06-01/runtime/invocation/next "));
            // In one piece, as the daemon sends it: the program reads once.
            let head = format!("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n");
            let event = format!("{head}Content-Length: 2\r\n\r\n{{}}");
            stream.write_all(event.as_bytes()).unwrap();
            let asked = tokio::time::Instant::now();
            let answer = request(&mut stream);
            assert!(asked.elapsed() >= pause);
            assert!(answer.starts_with(&format!(
                "POST /2018-06-01/runtime/invocation/{id}/response "
            )));
            assert!(answer.ends_with("Content-Length: 1\r\n\r\n1"));
            stream
                .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        }
        assert!(request(&mut stream).starts_with("GET "));
        drop(stream);
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    /// Reads one request, however many pieces it comes in.
    fn request(stream: &mut std::net::TcpStream) -> String {
        let mut request = String::new();
        let mut byte = [0];
        while !is_whole(&request) {
            stream.read_exact(&mut byte).expect("a request comes");
            request.push(char::from(byte[0]));
        }
        request
    }

    fn is_whole(request: &str) -> bool {
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        length.is_none_or(|length| length.parse() == Ok(body.len()))
    }
}
