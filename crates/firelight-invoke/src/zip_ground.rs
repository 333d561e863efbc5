//! The ground of functions that came as zip files: their packages extracted, their runtime planned.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use firelight_model::{CodeBlob, FunctionVersion, LogForm, ZipPackage};
use firelight_package::{ExtractedPackages, PackageDirectory};
use firelight_runtimes::{
    Bootstrap, Credentials, FunctionFacts, Ground, Inventory, Layout, LogDestination, LogFormat,
    RUNTIME_API_ADDRESS, Runtime, ahead, brings_libraries, catalogue, find_bootstrap, plan,
    plan_extension,
};
use firelight_sandbox::{Overlay, ProcessSpec, ReadOnlyMount};
use firelight_store::{BlobDigest, Blobs};

use crate::prepare::{EnvironmentFacts, Prepare, PrepareError, Prepared};

const TASK_ROOT: &str = "/var/task";
const OPT: &str = "/opt";

/// Prepares zip functions. Cheap to clone.
#[derive(Clone)]
pub struct ZipGround<B> {
    packages: ExtractedPackages<B>,
    inventory: Arc<Inventory>,
    ground: Ground,
    layout: Layout,
    /// Where functions reach this daemon's API, if they do.
    api: Option<String>,
}

impl<B: Blobs> ZipGround<B> {
    pub fn new(
        packages: ExtractedPackages<B>,
        inventory: Arc<Inventory>,
        ground: Ground,
        layout: Layout,
    ) -> Self {
        Self {
            packages,
            inventory,
            ground,
            layout,
            api: None,
        }
    }

    /// Points the AWS SDKs of functions at this API, which knows their credentials; AWS itself does not.
    #[must_use]
    pub fn with_api(mut self, url: Option<String>) -> Self {
        self.api = url;
        self
    }

    /// The function's variables. Its own word about the endpoint stands.
    fn variables<'a>(&self, version: &'a FunctionVersion) -> Cow<'a, BTreeMap<String, String>> {
        const ENDPOINT: &str = "AWS_ENDPOINT_URL";
        let own = version.variables.as_map();
        match &self.api {
            Some(url) if !own.contains_key(ENDPOINT) => {
                let mut variables = own.clone();
                variables.insert(ENDPOINT.to_owned(), url.clone());
                Cow::Owned(variables)
            }
            _ => Cow::Borrowed(own),
        }
    }

    async fn provide(&self, code: &CodeBlob) -> Result<PackageDirectory, PrepareError> {
        let digest = BlobDigest::from_bytes(*code.sha256.as_bytes());
        self.packages
            .provide(digest)
            .await
            .map_err(|error| PrepareError {
                what: "could not provide the code".into(),
                source: Some(Box::new(error)),
            })
    }

    async fn prepare_zip(
        &self,
        version: &FunctionVersion,
        zip: &ZipPackage,
        facts: &EnvironmentFacts,
    ) -> Result<Prepared, PrepareError> {
        let runtime = find_runtime(zip)?;
        let code = self.provide(&zip.code).await?;
        let mut layers = Vec::with_capacity(zip.layers.len());
        for layer in &zip.layers {
            layers.push(self.provide(&layer.code).await?);
        }
        let layer_paths: Vec<PathBuf> =
            layers.iter().map(|layer| layer.path().to_owned()).collect();
        let bootstrap = self.bootstrap(runtime, &code, &layer_paths)?;
        let (name, number) = (version.arn.name.to_string(), version.version.to_string());
        let variables = self.variables(version);
        let function = FunctionFacts {
            variables: &variables,
            ..self.function_facts(version, zip, facts, &name, &number)
        };
        let planned = plan(runtime, bootstrap, &self.ground, &self.layout, &function);
        let ahead = ahead(
            runtime,
            bootstrap,
            &planned,
            &function,
            brings_libraries(code.path(), &layer_paths),
        );
        if let Err(refusal) = &ahead {
            tracing::debug!(function = %version.arn, %refusal, "its runtime is started for it alone");
        }
        let mut mounts = planned.mounts;
        mounts.push(ReadOnlyMount {
            source: code.path().to_owned(),
            target: TASK_ROOT.into(),
        });
        let extensions = extensions(&layer_paths)?
            .into_iter()
            .map(|name| {
                let process = plan_extension(runtime, &name, &function);
                (name, process)
            })
            .collect::<Vec<(String, ProcessSpec)>>();
        let overlays = if layer_paths.is_empty() {
            vec![]
        } else {
            vec![Overlay {
                sources: layer_paths,
                target: OPT.into(),
            }]
        };
        Ok(Prepared {
            mounts,
            overlays,
            runtime: planned.process,
            ahead: ahead.ok(),
            extensions,
            runtime_version: runtime_version(runtime, version.arn.region.as_str()),
            pins: Box::new((code, layers)),
        })
    }

    fn bootstrap(
        &self,
        runtime: &'static Runtime,
        code: &PackageDirectory,
        layers: &[PathBuf],
    ) -> Result<Bootstrap<'_>, PrepareError> {
        let interpreter =
            self.inventory
                .interpreter_for(runtime)
                .map_err(|error| PrepareError {
                    what: "the runtime is not here".into(),
                    source: Some(Box::new(error)),
                })?;
        Ok(match interpreter {
            Some(interpreter) => Bootstrap::Ours(interpreter),
            // Where there is none, starting it fails as on AWS, and the caller is told which one was tried.
            None => Bootstrap::Brought(
                find_bootstrap(code.path(), layers).unwrap_or("/var/runtime/bootstrap".as_ref()),
            ),
        })
    }

    fn function_facts<'a>(
        &'a self,
        version: &'a FunctionVersion,
        zip: &'a ZipPackage,
        facts: &'a EnvironmentFacts,
        name: &'a str,
        number: &'a str,
    ) -> FunctionFacts<'a> {
        FunctionFacts {
            function_name: name,
            function_version: number,
            handler: zip.handler.as_str(),
            memory_mb: version.memory.mb(),
            region: version.arn.region.as_str(),
            variables: version.variables.as_map(),
            logs: Some(LogDestination {
                group: &facts.log_stream.group,
                stream: &facts.log_stream.stream,
            }),
            log_format: match version.logging.form {
                LogForm::Text => LogFormat::Text,
                LogForm::Json { application, .. } => LogFormat::Json {
                    level: application.as_str(),
                },
            },
            initialization_type: facts.initialization_type,
            credentials: Credentials::Keys {
                access_key_id: &facts.credentials.access_key_id,
                secret_access_key: &facts.credentials.secret_access_key,
                session_token: &facts.credentials.session_token,
            },
            runtime_api: RUNTIME_API_ADDRESS,
            max_concurrency: version.concurrency.get().into(),
        }
    }
}

impl<B: Blobs> Prepare for ZipGround<B> {
    fn prepare<'a>(
        &'a self,
        version: &'a FunctionVersion,
        facts: &'a EnvironmentFacts,
    ) -> Pin<Box<dyn Future<Output = Result<Prepared, PrepareError>> + Send + 'a>> {
        Box::pin(async move {
            match version.zip() {
                Some(zip) => self.prepare_zip(version, zip, facts).await,
                None => Err(PrepareError {
                    what: "container images cannot be run yet".into(),
                    source: None,
                }),
            }
        })
    }
}

fn find_runtime(zip: &ZipPackage) -> Result<&'static Runtime, PrepareError> {
    catalogue::find(zip.runtime.as_str()).ok_or_else(|| PrepareError {
        what: format!("there is no runtime {}", zip.runtime),
        source: None,
    })
}

/// The external extensions that the layers bring: every file of `/opt/extensions` that is no directory, in order.
fn extensions(layers: &[PathBuf]) -> Result<Vec<String>, PrepareError> {
    let mut names = std::collections::BTreeSet::new();
    for layer in layers {
        let entries = match std::fs::read_dir(layer.join("extensions")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable_layer(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable_layer)?;
            let is_directory = entry.file_type().map_err(unreadable_layer)?.is_dir();
            if let (false, Ok(name)) = (is_directory, entry.file_name().into_string()) {
                names.insert(name);
            }
        }
    }
    Ok(names.into_iter().collect())
}

fn unreadable_layer(error: std::io::Error) -> PrepareError {
    PrepareError {
        what: "could not read a layer".into(),
        source: Some(Box::new(error)),
    }
}

/// Names the version of a runtime as `INIT_START` shows it; those we bring no bootstrap for have none.
fn runtime_version(runtime: &Runtime, region: &str) -> Option<(String, String)> {
    if !runtime.has_bootstrap() {
        return None;
    }
    Some((
        runtime_version_name(runtime.identifier)?,
        firelight_model::runtime_version_arn(region, runtime.identifier),
    ))
}

/// Writes `python3.12` as `python:3.12.v1`, and `provided.al2023` as `provided:al2023.v1`.
fn runtime_version_name(identifier: &str) -> Option<String> {
    let (language, version) = match identifier.strip_prefix("provided.") {
        Some(system) => ("provided", system),
        None => identifier.split_at(identifier.find(|letter: char| letter.is_ascii_digit())?),
    };
    Some(format!("{language}:{}.v1", version.trim_end_matches(".x")))
}

#[cfg(test)]
mod tests {
    use super::runtime_version_name;

    #[test]
    fn runtime_versions_are_named_by_language_and_version() {
        let named = |identifier| runtime_version_name(identifier).unwrap();

        assert_eq!(named("python3.12"), "python:3.12.v1");
        assert_eq!(named("nodejs20.x"), "nodejs:20.v1");
        assert_eq!(named("provided.al2023"), "provided:al2023.v1");
        assert_eq!(named("provided.al2"), "provided:al2.v1");
    }
}
