//! `firelight rm`: deletes functions.

use serde_json::json;

use crate::args::RmArgs;
use crate::client::Client;
use crate::failure::{Exit, Outcome};
use crate::terminal::Terminal;

/// Deletes in the order given, and stops at the first that cannot be deleted.
pub async fn run(client: &Client, args: &RmArgs, terminal: &Terminal) -> Outcome {
    for name in &args.names {
        client
            .delete_function(name)
            .await
            .map_err(|error| error.while_doing(format!("could not delete {name:?}")))?;
        if !terminal.is_json() {
            terminal.lines(&format!("deleted {name}"))?;
        }
    }
    if terminal.is_json() {
        terminal.document(&json!({ "deleted": args.names }))?;
    }
    Ok(Exit::Success)
}
