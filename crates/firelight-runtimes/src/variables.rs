//! The environment variables of the processes in a sandbox.
//!
//! ```text
//!  defaults (PATH, LANG, TZ, X-Ray, language paths) ◄── the function's own ◄── what only the platform may say
//! ```
//! Later wins. A name that begins with an underscore is never taken from the function.

use std::collections::BTreeMap;

use crate::catalogue::{Family, Runtime};

/// Where the Runtime API is reached inside a sandbox, as on AWS.
pub const RUNTIME_API_ADDRESS: &str = "169.254.100.1:9001";

const PATH: &str = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin";
const LD_LIBRARY_PATH: &str = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

/// Variables that extensions do not get, beside all that begin with an underscore.
const NOT_FOR_EXTENSIONS: [&str; 8] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LC_CTYPE",
];

/// What of a function version and its environment shows in the variables.
#[derive(Clone, Copy, Debug)]
pub struct FunctionFacts<'a> {
    pub function_name: &'a str,
    pub function_version: &'a str,
    pub handler: &'a str,
    pub memory_mb: u32,
    pub region: &'a str,
    /// The function's own variables.
    pub variables: &'a BTreeMap<String, String>,
    /// Absent in environments that are restored from snapshots.
    pub logs: Option<LogDestination<'a>>,
    pub log_format: LogFormat<'a>,
    pub initialization_type: InitializationType,
    pub credentials: Credentials<'a>,
    /// Where the Runtime API is reached; [`RUNTIME_API_ADDRESS`] in a sandbox with a network of its own.
    pub runtime_api: &'a str,
    /// Invocations at once; 1 except for multi-concurrency environments.
    pub max_concurrency: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct LogDestination<'a> {
    pub group: &'a str,
    pub stream: &'a str,
}

/// How the function's log records look.
#[derive(Clone, Copy, Debug)]
pub enum LogFormat<'a> {
    Text,
    Json { level: &'a str },
}

/// How the environment comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitializationType {
    OnDemand,
    ProvisionedConcurrency,
    SnapStart,
    /// Runs several invocations at once.
    ManagedInstances,
}

impl InitializationType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::ProvisionedConcurrency => "provisioned-concurrency",
            Self::SnapStart => "snap-start",
            Self::ManagedInstances => "lambda-managed-instances",
        }
    }
}

/// How the function proves to be its role.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    None,
    Keys {
        access_key_id: &'a str,
        secret_access_key: &'a str,
        session_token: &'a str,
    },
    /// Fetched from the Runtime API after a restore.
    Fetched {
        url: &'a str,
        token: &'a str,
    },
}

impl std::fmt::Debug for Credentials<'_> {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Keys { .. } => "Keys",
            Self::Fetched { .. } => "Fetched",
        })
    }
}

/// Variables by name; building them in layers is inserting in order.
#[derive(Default)]
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

/// The variables of the runtime's process.
pub(crate) fn of_runtime(runtime: &Runtime, facts: &FunctionFacts<'_>) -> BTreeMap<String, String> {
    let mut variables = Variables::default();
    set_defaults(&mut variables, runtime, facts);
    let own = facts
        .variables
        .iter()
        .filter(|(name, _)| !name.starts_with('_'));
    variables
        .0
        .extend(own.map(|(name, value)| (name.clone(), value.clone())));
    set_credentials(&mut variables, facts);
    set_platform(&mut variables, runtime, facts);
    variables.0
}

/// The variables of an extension's process.
pub(crate) fn of_extension(
    runtime: &Runtime,
    facts: &FunctionFacts<'_>,
) -> BTreeMap<String, String> {
    let mut variables = of_runtime(runtime, facts);
    let own = |name: &str| facts.variables.contains_key(name);
    variables.retain(|name, _| {
        let is_excluded = NOT_FOR_EXTENSIONS.contains(&name.as_str()) && !own(name);
        !name.starts_with('_') && !is_excluded
    });
    variables
}

/// What a function that sets nothing gets of what it may set.
pub(crate) fn defaults(runtime: &Runtime, facts: &FunctionFacts<'_>) -> BTreeMap<String, String> {
    let mut variables = Variables::default();
    set_defaults(&mut variables, runtime, facts);
    variables.0
}

/// What the function may override.
fn set_defaults(variables: &mut Variables, runtime: &Runtime, facts: &FunctionFacts<'_>) {
    variables.set("PATH", PATH);
    variables.set("LD_LIBRARY_PATH", LD_LIBRARY_PATH);
    variables.set("LANG", "en_US.UTF-8");
    variables.set("TZ", ":UTC");
    variables.set("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000");
    variables.set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    if let LogFormat::Json { level } = facts.log_format {
        variables.set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        variables.set("AWS_LAMBDA_LOG_LEVEL", level);
    }
    set_language(variables, runtime);
}

fn set_language(variables: &mut Variables, runtime: &Runtime) {
    let version = runtime.version;
    match runtime.family {
        Family::Python => {
            variables.set("PYTHONPATH", "/var/runtime");
            variables.set("LC_CTYPE", "C.UTF-8");
        }
        Family::Node => variables.set(
            "NODE_PATH",
            format!(
                "/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:\
                 /var/runtime:/var/task"
            ),
        ),
        Family::Ruby => {
            variables.set("GEM_HOME", "/var/runtime");
            variables.set(
                "GEM_PATH",
                format!(
                    "/var/task/vendor/bundle/ruby/{version}.0:/opt/ruby/gems/{version}.0:/var/runtime:\
                     /var/runtime/ruby/{version}.0"
                ),
            );
            variables.set("RUBYLIB", "/var/task:/var/runtime/lib:/opt/ruby/lib");
        }
        Family::DotNet => variables.set("DOTNET_ROOT", "/var/lang/bin"),
        Family::Java | Family::Go | Family::Provided | Family::Custom => {}
    }
}

fn set_credentials(variables: &mut Variables, facts: &FunctionFacts<'_>) {
    match facts.credentials {
        Credentials::None => {}
        Credentials::Keys {
            access_key_id,
            secret_access_key,
            session_token,
        } => {
            variables.set("AWS_ACCESS_KEY_ID", access_key_id);
            variables.set("AWS_SECRET_ACCESS_KEY", secret_access_key);
            variables.set("AWS_SESSION_TOKEN", session_token);
        }
        Credentials::Fetched { url, token } => {
            variables.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
            variables.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", token);
        }
    }
}

/// What the function may not override.
fn set_platform(variables: &mut Variables, runtime: &Runtime, facts: &FunctionFacts<'_>) {
    variables.set("AWS_LAMBDA_FUNCTION_NAME", facts.function_name);
    variables.set("AWS_LAMBDA_FUNCTION_VERSION", facts.function_version);
    variables.set(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        facts.memory_mb.to_string(),
    );
    variables.set(
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        facts.initialization_type.as_str(),
    );
    variables.set("AWS_LAMBDA_RUNTIME_API", facts.runtime_api);
    variables.set("AWS_REGION", facts.region);
    variables.set("AWS_DEFAULT_REGION", facts.region);
    variables.set("_HANDLER", facts.handler);
    variables.set("LAMBDA_TASK_ROOT", "/var/task");
    variables.set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    variables.set("_AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1");
    variables.set("_AWS_XRAY_DAEMON_PORT", "2000");
    if let Some(logs) = facts.logs {
        variables.set("AWS_LAMBDA_LOG_GROUP_NAME", logs.group);
        variables.set("AWS_LAMBDA_LOG_STREAM_NAME", logs.stream);
    }
    if !matches!(runtime.family, Family::Provided) {
        variables.set(
            "AWS_EXECUTION_ENV",
            format!("AWS_Lambda_{}", runtime.identifier),
        );
    }
    if facts.max_concurrency > 1 {
        variables.set(
            "AWS_LAMBDA_MAX_CONCURRENCY",
            facts.max_concurrency.to_string(),
        );
    }
}
