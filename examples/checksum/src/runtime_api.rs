//! The Runtime API over one kept-alive connection: HTTP/1.1, just as much of it as the API speaks.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;

/// One event to work on.
pub struct Next {
    pub request_id: String,
    pub event: Vec<u8>,
}

pub struct RuntimeApi {
    host: String,
    stream: BufReader<TcpStream>,
}

impl RuntimeApi {
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: address.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Waits for the next event.
    pub fn next(&mut self) -> io::Result<Next> {
        let (headers, event) = self.exchange("GET", "invocation/next", "", b"")?;
        let request_id = header(&headers, "lambda-runtime-aws-request-id")
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, "an event without a request id"))?;
        Ok(Next { request_id, event })
    }

    /// Answers an event.
    pub fn respond(&mut self, request_id: &str, answer: &str) -> io::Result<()> {
        let path = format!("invocation/{request_id}/response");
        self.exchange("POST", &path, "", answer.as_bytes())
            .map(drop)
    }

    /// Answers an event with a function error.
    pub fn fail(&mut self, request_id: &str, error_type: &str, message: &str) -> io::Result<()> {
        let path = format!("invocation/{request_id}/error");
        let header = format!("Lambda-Runtime-Function-Error-Type: {error_type}\r\n");
        let message = message.replace('\\', "\\\\").replace('"', "\\\"");
        let body = format!(r#"{{"errorType":"{error_type}","errorMessage":"{message}"}}"#);
        self.exchange("POST", &path, &header, body.as_bytes())
            .map(drop)
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        header_line: &str,
        body: &[u8],
    ) -> io::Result<(Vec<String>, Vec<u8>)> {
        let mut request = format!(
            "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\n\
             Content-Length: {}\r\n{header_line}\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        // One write, so that the request travels in one piece.
        self.stream.get_mut().write_all(&request)?;
        self.read_answer()
    }

    fn read_answer(&mut self) -> io::Result<(Vec<String>, Vec<u8>)> {
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "the Runtime API hung up",
                ));
            }
            if line.trim_end().is_empty() {
                break;
            }
            headers.push(line.trim_end().to_owned());
        }
        let length = header(&headers, "content-length").and_then(|text| text.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok((headers, body))
    }
}

fn header(headers: &[String], name: &str) -> Option<String> {
    headers.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}
