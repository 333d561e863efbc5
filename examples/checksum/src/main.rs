//! A custom runtime and its function in one program: SHA-256 and CRC-32 of a binary payload.
//!
//! The event is `{"data": "<base64>"}`. The program asks the Runtime API for events and posts the answers, for as
//! long as its environment lives. It uses the standard library alone, to show how little a custom runtime needs.

mod digest;
mod event;
mod runtime_api;

use runtime_api::{Next, RuntimeApi};

fn main() -> std::io::Result<()> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("started inside Lambda");
    let mut api = RuntimeApi::connect(&address)?;
    loop {
        let Next { request_id, event } = api.next()?;
        match checksum(&event) {
            Ok(answer) => api.respond(&request_id, &answer)?,
            Err(message) => api.fail(&request_id, "Function.BadEvent", &message)?,
        }
    }
}

fn checksum(event: &[u8]) -> Result<String, String> {
    let data = event::data(event)?;
    println!("{} bytes of payload", data.len());
    let (sha256, crc32) = (digest::sha256(&data), digest::crc32(&data));
    Ok(format!(
        r#"{{"bytes":{},"sha256":"{sha256}","crc32":"{crc32:08x}"}}"#,
        data.len()
    ))
}
