//! Saying that the daemon is ready: to a person on the terminal, to a script in the port file.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{Mode, ServerConfig};

/// Returns what the daemon prints once the API answers at `bound`.
///
/// The first line is for scripts and stays as it is; the rest is for people.
pub fn greeting(config: &ServerConfig, bound: SocketAddr) -> String {
    let mut lines = vec![format!("listening on http://{bound}")];
    match config.mode {
        Mode::Dev => lines.push(format!(
            "In another terminal:  eval \"$(firelight env --endpoint http://{bound})\" && aws lambda list-functions"
        )),
        Mode::Serve => lines.push(format!(
            "The root key is in {}",
            config.data_dir.join(crate::root_key::FILE).display()
        )),
    }
    lines.join("\n")
}

/// Writes the bound address to the port file, whole or not at all.
pub fn write_port_file(path: &Path, bound: SocketAddr) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    fs::write(&temporary, format!("{bound}\n"))?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_file_holds_the_address_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("port");

        write_port_file(&path, "127.0.0.1:4566".parse().unwrap()).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "127.0.0.1:4566\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
