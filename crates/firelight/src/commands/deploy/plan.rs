//! What a deployment is to bring about: the answers given on the command line, the rest found from the files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firelight_model::Architecture;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::runtime;
use crate::args::DeployArgs;
use crate::config::ClientConfig;
use crate::deploy::{
    DetectError, Detected, FilesError, PackageFiles, detect, program_architecture, zip,
};
use crate::failure::{Exit, Failure};

/// The largest package that the API takes inside a request.
const LARGEST_ZIP: usize = 50 * 1024 * 1024;
const LONGEST_NAME: usize = 64;
/// The role of functions that were deployed without one.
const OWN_ROLE: &str = "firelight-function";

/// A deployment, complete.
#[derive(Debug)]
pub struct Plan {
    pub name: String,
    /// Where the API takes them: `Runtime`, `Handler`, and every setting that was given.
    pub settings: Map<String, Value>,
    /// The role for a new function, unless one was given.
    role: String,
    /// What the package's own program is built for, if it brings one.
    architecture: Option<Architecture>,
    pub zip: Vec<u8>,
}

/// Lists the files of the directory to deploy.
pub fn files(args: &DeployArgs) -> Result<PackageFiles, Failure> {
    PackageFiles::of_directory(&args.directory).map_err(|error| {
        let exit = match error {
            FilesError::NotADirectory(_) => Exit::NotFound,
            _ => Exit::Failure,
        };
        let what = format!("could not package {}", args.directory.display());
        let failure = Failure::because(exit, what, &error);
        match error.remedy() {
            Some(remedy) => failure.with_remedy(remedy),
            None => failure,
        }
    })
}

impl Plan {
    pub fn make(
        args: &DeployArgs,
        config: &ClientConfig,
        files: &PackageFiles,
        current: Option<&Value>,
    ) -> Result<Self, Failure> {
        let mut settings = given_settings(args);
        let (runtime, handler) = entry(args, config, files, current)?;
        settings.insert("Runtime".to_owned(), json!(runtime));
        settings.insert("Handler".to_owned(), json!(handler));
        Ok(Self {
            name: name(args)?,
            settings,
            role: format!("arn:aws:iam::{}:role/{OWN_ROLE}", config.account),
            architecture: program_architecture(files),
            zip: package(files)?,
        })
    }

    /// Returns the name of the role that has to be made for a new function, unless a role was given.
    pub fn own_role(&self) -> Option<&'static str> {
        (!self.settings.contains_key("Role")).then_some(OWN_ROLE)
    }

    /// The body of `CreateFunction`.
    pub fn creation(&self) -> Value {
        let mut body = self.settings.clone();
        body.insert("FunctionName".to_owned(), json!(self.name));
        body.entry("Role").or_insert_with(|| json!(self.role));
        body.insert(
            "Code".to_owned(),
            json!({ "ZipFile": STANDARD.encode(&self.zip) }),
        );
        body.extend(self.architectures());
        Value::Object(body)
    }

    /// The body of `UpdateFunctionCode`.
    pub fn code(&self) -> Value {
        let mut body = Map::new();
        body.insert("ZipFile".to_owned(), json!(STANDARD.encode(&self.zip)));
        body.extend(self.architectures());
        Value::Object(body)
    }

    fn architectures(&self) -> Option<(String, Value)> {
        let architecture = self.architecture?;
        Some(("Architectures".to_owned(), json!([architecture.as_str()])))
    }

    /// The digest by which the API names the package.
    pub fn code_sha256(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.zip))
    }
}

fn given_settings(args: &DeployArgs) -> Map<String, Value> {
    let mut settings = Map::new();
    let mut give = |key: &str, value: Option<Value>| {
        settings.extend(value.map(|value| (key.to_owned(), value)));
    };
    give("MemorySize", args.memory.map(Into::into));
    give("Timeout", args.timeout.map(Into::into));
    give("Role", args.role.clone().map(Into::into));
    give(
        "Layers",
        (!args.layer.is_empty()).then(|| json!(args.layer)),
    );
    let variables: Map<_, _> = args
        .env
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    give(
        "Environment",
        (!variables.is_empty()).then(|| json!({ "Variables": variables })),
    );
    settings
}

/// Finds what was not given; nothing is looked for when both were.
fn entry(
    args: &DeployArgs,
    config: &ClientConfig,
    files: &PackageFiles,
    current: Option<&Value>,
) -> Result<(String, String), Failure> {
    if let (Some(runtime), Some(handler)) = (&args.runtime, &args.handler) {
        return Ok((runtime.clone(), handler.clone()));
    }
    let Detected { family, handler } = detect(files).map_err(|error| undetected(&error))?;
    let current = current.and_then(|current| current["Runtime"].as_str());
    let choose = || runtime::choose(family, current, &config.runtimes);
    let runtime = args.runtime.clone().map_or_else(choose, Ok)?;
    Ok((runtime, args.handler.clone().unwrap_or(handler)))
}

fn undetected(error: &DetectError) -> Failure {
    Failure::because(Exit::Usage, "could not find what to run", error).with_remedy(error.remedy())
}

/// Returns the name of the function: the given one, else the directory's.
pub fn name(args: &DeployArgs) -> Result<String, Failure> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let path = args.directory.canonicalize().ok();
    let base = path.as_ref().and_then(|path| path.file_name()?.to_str());
    let name = base.map(as_function_name).unwrap_or_default();
    if name.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "the directory's name cannot name a function")
                .with_remedy("name it with --name"),
        );
    }
    Ok(name)
}

fn as_function_name(text: &str) -> String {
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(legal).take(LONGEST_NAME).collect();
    name.trim_matches('-').to_owned()
}

fn package(files: &PackageFiles) -> Result<Vec<u8>, Failure> {
    let what = format!("could not package {}", files.root.display());
    let zip = zip(files).map_err(|error| Failure::because(Exit::Failure, &*what, &error))?;
    match oversize(zip.len()) {
        None => Ok(zip),
        Some(why) => Err(Failure::new(Exit::Failure, what)
            .with_why(why)
            .with_remedy("leave files out with .firelightignore, or move libraries to a layer")),
    }
}

fn oversize(length: usize) -> Option<String> {
    (length > LARGEST_ZIP)
        .then(|| format!("the zip has {length} bytes, and Lambda takes {LARGEST_ZIP}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_name_becomes_a_legal_function_name() {
        assert_eq!(as_function_name("my function (2)"), "my-function--2");
        assert_eq!(as_function_name("csv_stats"), "csv_stats");
        assert_eq!(as_function_name(&"x".repeat(80)).len(), LONGEST_NAME);
    }

    #[test]
    fn a_package_may_be_as_large_as_the_api_takes_and_no_larger() {
        assert_eq!(oversize(LARGEST_ZIP), None);
        assert!(oversize(LARGEST_ZIP + 1).is_some());
    }
}
