//! `firelight dev` and `firelight serve`.

use crate::args::{GlobalArgs, ServerArgs};
use crate::config::{Layers, Mode, ServerConfig};
use crate::daemon;
use crate::failure::{Exit, Outcome};

pub fn run(global: &GlobalArgs, args: &ServerArgs, mode: Mode) -> Outcome {
    let mut flags = global.values();
    flags.extend(args.values());
    let layers = Layers::of_process(global.config.as_deref(), flags)?;
    let config = ServerConfig::resolve(&layers, mode, args.port_file.clone())?;
    daemon::run(config)?;
    Ok(Exit::Success)
}
