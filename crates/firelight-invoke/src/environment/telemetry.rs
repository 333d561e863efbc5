//! What an environment tells its telemetry subscribers: its platform events and what its processes print.
//!
//! Nothing is made where nobody listens, which is nearly everywhere. The older Logs API tells the end of an invocation
//! as an event of its own, and less of the rest.

use firelight_model::{LogForm, WallTime};
use firelight_runtime_api::{Category, Session, TelemetryApi, TelemetryRecord};
use serde_json::{Value, json};

use super::processes::Role;
use crate::clock::iso;
use crate::platform_event::PlatformEvent;

/// Tells a platform event, in the form of each API.
pub(super) fn platform(session: &Session, event: &PlatformEvent, now: WallTime) {
    if !session.wants_telemetry() {
        return;
    }
    let publish = |kind: &str, record: Value, only_for| {
        session.publish(&TelemetryRecord {
            category: Category::Platform,
            only_for,
            time: iso(now),
            kind: kind.to_owned(),
            record,
        });
    };
    match event {
        PlatformEvent::RuntimeDone {
            request_id, status, ..
        } => {
            let (telemetry, logs) = (Some(TelemetryApi::Telemetry), Some(TelemetryApi::Logs));
            publish(event.kind(), event.record(), telemetry);
            let done = json!({"requestId": request_id, "status": status.name()});
            publish(event.kind(), done, logs);
            publish("platform.end", json!({"requestId": request_id}), logs);
        }
        PlatformEvent::InitStart { .. }
        | PlatformEvent::InitRuntimeDone { .. }
        | PlatformEvent::InitReport { .. } => {
            publish(event.kind(), event.record(), Some(TelemetryApi::Telemetry));
        }
        _ => publish(event.kind(), event.record(), None),
    }
}

/// Tells what went wrong with an invocation, which only the Logs API has as an event.
pub(super) fn fault(session: &Session, text: &str, now: WallTime) {
    if !session.wants_telemetry() {
        return;
    }
    session.publish(&TelemetryRecord {
        category: Category::Platform,
        only_for: Some(TelemetryApi::Logs),
        time: iso(now),
        kind: "platform.fault".to_owned(),
        record: json!(text),
    });
}

/// Tells what a process printed.
pub(super) fn line(session: &Session, role: &Role, line: &[u8], form: LogForm, now: WallTime) {
    if !session.wants_telemetry() {
        return;
    }
    let category = match role {
        Role::Runtime => Category::Function,
        Role::Extension(_) => Category::Extension,
    };
    session.publish(&TelemetryRecord {
        category,
        only_for: None,
        time: iso(now),
        kind: category.as_str().to_owned(),
        record: printed(line, form),
    });
}

/// With the JSON format, a line that is an object stays one.
fn printed(line: &[u8], form: LogForm) -> Value {
    let object = match form {
        LogForm::Json { .. } if line.first() == Some(&b'{') => serde_json::from_slice(line).ok(),
        LogForm::Json { .. } | LogForm::Text => None,
    };
    object.unwrap_or_else(|| Value::String(String::from_utf8_lossy(line).replace('\r', "\n")))
}

#[cfg(test)]
mod tests {
    use firelight_model::{ApplicationLogLevel, SystemLogLevel};

    use super::*;

    #[test]
    fn only_the_json_format_turns_an_object_on_a_line_into_a_record() {
        let line = br#"{"level":"INFO"}"#;
        let form = LogForm::Json {
            application: ApplicationLogLevel::Info,
            system: SystemLogLevel::Info,
        };

        assert_eq!(printed(line, form), json!({"level": "INFO"}));
        assert_eq!(printed(line, LogForm::Text), json!(r#"{"level":"INFO"}"#));
        assert_eq!(printed(b"{not", form), json!("{not"));
    }
}
