//! The floor of accepting events: a server that appends each request to one file, and answers when it is on the disk.
//!
//! ```text
//!  POST ─► queue ─► one writer: all that wait ─► one write ─► one fdatasync ─► 202 to each
//! ```

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// The hidden word on the command line that makes the binary this server.
pub const ROLE: &str = "bench-append-log";
const LONGEST_QUEUE: usize = 1024;

struct Entry {
    content: Bytes,
    written: oneshot::Sender<()>,
}

/// Serves until the process is killed; the log is a file in `directory`.
pub async fn serve(directory: &Path) -> io::Result<()> {
    let file = File::create_new(directory.join("events.log"))?;
    let (entries, queue) = mpsc::channel(LONGEST_QUEUE);
    let writer = std::thread::spawn(move || write(file, queue));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    super::server_process::ready(&[listener.local_addr()?]);
    while let Ok((stream, _)) = listener.accept().await {
        // Without it the answer still comes, only later.
        let _ = stream.set_nodelay(true);
        let entries = entries.clone();
        let service = service_fn(move |request| accept(entries.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
    drop(entries);
    writer
        .join()
        .map_err(|_| io::Error::other("the writer panicked"))?
}

async fn accept(
    entries: mpsc::Sender<Entry>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let content = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let (written, done) = oneshot::channel();
    let queued = entries.send(Entry { content, written }).await.is_ok();
    let mut response = Response::new(Full::default());
    *response.status_mut() = if queued && done.await.is_ok() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    Ok(response)
}

fn write(mut file: File, mut queue: mpsc::Receiver<Entry>) -> io::Result<()> {
    let mut batch = Vec::with_capacity(LONGEST_QUEUE);
    while queue.blocking_recv_many(&mut batch, LONGEST_QUEUE) > 0 {
        let contents: Vec<_> = batch.iter().map(|entry| &entry.content[..]).collect();
        file.write_all(&contents.concat())?;
        file.sync_data()?;
        for entry in batch.drain(..) {
            // The client may have gone.
            let _ = entry.written.send(());
        }
    }
    Ok(())
}
