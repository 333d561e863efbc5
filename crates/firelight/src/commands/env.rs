//! `firelight env`: the variables that point the AWS tools at a daemon.

use serde_json::{Map, Value, json};

use crate::args::{EnvArgs, EnvShell};
use crate::client::credentials;
use crate::config::ClientConfig;
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::Terminal;

pub fn run(config: &ClientConfig, args: &EnvArgs, terminal: &Terminal) -> Outcome {
    let variables = variables(config)?;
    let shell = if terminal.is_json() {
        EnvShell::Json
    } else {
        args.shell
    };
    terminal.lines(&text(&variables, shell))?;
    Ok(Exit::Success)
}

type Variables = Vec<(&'static str, String)>;

fn variables(config: &ClientConfig) -> Result<Variables, Failure> {
    let credentials = credentials(&config.data_dir)
        .map_err(|error| Failure::because(Exit::Failure, "could not find credentials", &error))?;
    let region = config.region.to_string();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", config.endpoint.clone()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
    ];
    variables.extend(
        credentials
            .session_token
            .map(|token| ("AWS_SESSION_TOKEN", token)),
    );
    Ok(variables)
}

fn text(variables: &Variables, shell: EnvShell) -> String {
    let line = |(name, value): &(&str, String)| match shell {
        EnvShell::Fish => format!("set -gx {name} {};\n", quoted(value, r"\'")),
        EnvShell::Powershell => format!("$Env:{name} = {}\n", quoted(value, "''")),
        EnvShell::Posix | EnvShell::Json => format!("export {name}={}\n", quoted(value, r"'\''")),
    };
    if shell == EnvShell::Json {
        let map: Map<_, _> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        return format!("{:#}\n", Value::Object(map));
    }
    variables.iter().map(line).collect()
}

/// Quotes for a shell, which spells a quote inside quotes its own way.
fn quoted(value: &str, quote_inside: &str) -> String {
    format!("'{}'", value.replace('\'', quote_inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shell: EnvShell) -> String {
        text(&vec![("AWS_REGION", "it's".to_owned())], shell)
    }

    #[test]
    fn each_shell_gets_its_own_form() {
        assert_eq!(written(EnvShell::Posix), "export AWS_REGION='it'\\''s'\n");
        assert_eq!(written(EnvShell::Fish), "set -gx AWS_REGION 'it\\'s';\n");
        assert_eq!(written(EnvShell::Powershell), "$Env:AWS_REGION = 'it''s'\n");
        assert_eq!(
            written(EnvShell::Json),
            "{\n  \"AWS_REGION\": \"it's\"\n}\n"
        );
    }
}
