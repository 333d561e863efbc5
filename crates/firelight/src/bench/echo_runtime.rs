//! The smallest runtime there can be: answers each event with itself, on one blocking socket.
//!
//! The binary runs as this program when it is started under the name `bootstrap`, so that a benchmark can deploy the
//! binary itself as a custom runtime; the floor program runs the very same.

use std::io::{self, Read, Write};
use std::net::TcpStream;

const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n";

/// The event that is answered with a stream.
pub const STREAM_EVENT: &[u8] = b"\"stream\"";
/// How much that is, without the framing.
pub const STREAM_BYTES: usize = 100 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;

/// Polls for events until the connection ends.
pub fn run(api: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(api)?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut request = Vec::with_capacity(64 * 1024);
    loop {
        stream.write_all(NEXT)?;
        let event = read_message(&mut stream, &mut buffer)?;
        let id = event
            .header("lambda-runtime-aws-request-id")
            .unwrap_or_default();
        request.clear();
        write!(
            request,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: runtime\r\n"
        )?;
        let consumed = event.consumed;
        if event.body == STREAM_EVENT {
            request.extend_from_slice(STREAMED);
            stream.write_all(&request)?;
            write_stream(&mut stream)?;
        } else {
            write!(request, "Content-Length: {}\r\n\r\n", event.body.len())?;
            request.extend_from_slice(event.body);
            stream.write_all(&request)?;
        }
        buffer.drain(..consumed);
        let consumed = read_message(&mut stream, &mut buffer)?.consumed;
        buffer.drain(..consumed);
    }
}

const STREAMED: &[u8] =
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Writes the stream, chunked as in HTTP.
pub fn write_stream(to: &mut impl Write) -> io::Result<()> {
    let mut chunk = format!("{CHUNK_BYTES:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + CHUNK_BYTES, b's');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..STREAM_BYTES / CHUNK_BYTES {
        to.write_all(&chunk)?;
    }
    to.write_all(b"0\r\n\r\n")
}

struct Message<'a> {
    head: &'a str,
    body: &'a [u8],
    consumed: usize,
}

impl Message<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn read_message<'a>(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> io::Result<Message<'a>> {
    let (head_len, body_len) = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
            let length = header(head, "content-length").and_then(|length| length.parse().ok());
            break (end + 4, length.unwrap_or(0));
        }
        read_some(stream, buffer)?;
    };
    let consumed = head_len + body_len;
    while buffer.len() < consumed {
        read_some(stream, buffer)?;
    }
    let head = str::from_utf8(&buffer[..head_len]).map_err(io::Error::other)?;
    Ok(Message {
        head,
        body: &buffer[head_len..consumed],
        consumed,
    })
}

fn read_some(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            buffer.extend_from_slice(&chunk[..read]);
            Ok(())
        }
    }
}
