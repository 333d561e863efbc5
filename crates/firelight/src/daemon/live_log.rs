//! The functions' logs on a developer's terminal, as they are written.
//!
//! A thread of its own prints, because a terminal may be slow; lines that it cannot keep up with are not shown. They are
//! in the log all the same.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use firelight_store::LogLine;

use crate::config::Mode;

/// Lines that wait to be shown.
const WAITING_LINES: usize = 1024;
const FUNCTION_GROUPS: &str = "/aws/lambda/";

/// Shows lines, or does nothing where nobody watches.
#[derive(Clone)]
pub struct LiveLog(Option<SyncSender<LogLine>>);

impl LiveLog {
    /// Shows logs if a developer sits at the terminal.
    pub fn start(mode: Mode) -> Self {
        if mode != Mode::Dev || !io::stdout().is_terminal() {
            return Self(None);
        }
        let (sender, lines) = sync_channel(WAITING_LINES);
        std::thread::spawn(move || show(&lines));
        Self(Some(sender))
    }

    pub fn line(&self, line: &LogLine) {
        if let Some(sender) = &self.0 {
            // A terminal that is too slow misses lines.
            let _ = sender.try_send(line.clone());
        }
    }
}

fn show(lines: &Receiver<LogLine>) {
    for line in lines {
        if writeln!(io::stdout(), "{}", shown(&line)).is_err() {
            return;
        }
    }
}

/// The function's name in front, and no control characters that could play with the terminal.
fn shown(line: &LogLine) -> String {
    let group = line.stream.group.as_str();
    let name = group.strip_prefix(FUNCTION_GROUPS).unwrap_or(group);
    let text = String::from_utf8_lossy(&line.message);
    let text: String = text
        .chars()
        .filter(|&letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect();
    format!("\x1b[36m{name}\x1b[0m {}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use firelight_model::{AccountId, WallTime};
    use firelight_store::{LogPlace, StreamName};

    use super::*;

    #[test]
    fn line_is_shown_with_its_function_and_without_control_characters() {
        let stream = StreamName {
            place: LogPlace::new(AccountId::DEFAULT, &"us-east-1".parse().unwrap()),
            group: "/aws/lambda/resize".into(),
            stream: "s".into(),
        };
        let line = LogLine {
            stream: Arc::new(stream),
            at: WallTime::from_epoch_ms(0),
            message: "a\x1b[2Jb\n".into(),
        };

        assert_eq!(shown(&line), "\x1b[36mresize\x1b[0m a[2Jb");
    }
}
