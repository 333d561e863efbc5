//! What an existing function lacks to be as planned. What was not asked for is left as it is.

use serde_json::{Map, Value};

use super::plan::Plan;

/// The updates to send, each only if something differs.
#[derive(Debug)]
pub struct Changes {
    /// The body of `UpdateFunctionConfiguration`.
    pub configuration: Option<Value>,
    /// The body of `UpdateFunctionCode`.
    pub code: Option<Value>,
}

impl Changes {
    pub fn between(current: &Value, plan: &Plan) -> Self {
        let differing: Map<_, _> = plan
            .settings
            .iter()
            .filter(|(key, planned)| now(current, key) != **planned)
            .map(|(key, planned)| (key.clone(), planned.clone()))
            .collect();
        let is_same_code = current["CodeSha256"].as_str() == Some(&plan.code_sha256());
        Self {
            configuration: (!differing.is_empty()).then_some(Value::Object(differing)),
            code: (!is_same_code).then(|| plan.code()),
        }
    }

    pub fn is_none(&self) -> bool {
        self.configuration.is_none() && self.code.is_none()
    }
}

/// Returns the current value in the form in which the API takes it: layers are read with their sizes.
fn now(current: &Value, key: &str) -> Value {
    match (key, &current[key]) {
        ("Layers", Value::Array(layers)) => {
            layers.iter().map(|layer| layer["Arn"].clone()).collect()
        }
        (_, value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use firelight_model::AccountId;
    use serde_json::json;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::config::ClientConfig;

    fn plan(flags: &[&str]) -> Plan {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("app.py"), "def handler(e, c): ...").unwrap();
        let line = [
            "firelight",
            "deploy",
            directory.path().to_str().unwrap(),
            "--name",
            "f",
        ];
        let entry = ["--runtime", "python3.12", "--handler", "app.handler"];
        let cli = Cli::parse_from(line.iter().chain(&entry).chain(flags));
        let Command::Deploy(args) = cli.command else {
            panic!("not deploy")
        };
        let config = ClientConfig {
            endpoint: String::new(),
            data_dir: directory.path().to_owned(),
            account: AccountId::DEFAULT,
            region: "us-east-1".parse().unwrap(),
            runtimes: Default::default(),
            egress: crate::config::EgressConfig {
                networks: Vec::new(),
                rules: firelight_sandbox_linux::EgressRules {
                    allow: Vec::new(),
                    deny: Vec::new(),
                },
                tags: Vec::new(),
                api: false,
            },
        };
        Plan::make(
            &args,
            &config,
            &super::super::plan::files(&args).unwrap(),
            None,
        )
        .unwrap()
    }

    fn current(plan: &Plan) -> Value {
        json!({
            "Runtime": "python3.12", "Handler": "app.handler", "MemorySize": 128, "Timeout": 3,
            "CodeSha256": plan.code_sha256(), "Layers": [{ "Arn": "arn:l:1", "CodeSize": 5 }],
        })
    }

    #[test]
    fn an_equal_function_is_left_alone() {
        let plan = plan(&["--memory", "128", "--layer", "arn:l:1"]);

        assert!(Changes::between(&current(&plan), &plan).is_none());
    }

    #[test]
    fn only_what_differs_is_sent() {
        let plan = plan(&["--memory", "256", "--timeout", "3"]);

        let changes = Changes::between(&current(&plan), &plan);

        assert_eq!(changes.configuration, Some(json!({ "MemorySize": 256 })));
        assert_eq!(changes.code, None);
    }

    #[test]
    fn new_code_is_sent_with_nothing_else() {
        let plan = plan(&[]);
        let mut current = current(&plan);
        current["CodeSha256"] = json!("other");

        let changes = Changes::between(&current, &plan);

        assert!(changes.code.is_some() && changes.configuration.is_none());
    }
}
