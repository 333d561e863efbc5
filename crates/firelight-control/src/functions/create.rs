//! CreateFunction.

use std::collections::BTreeMap;

use firelight_model::{
    Architecture, EphemeralStorage, FunctionArn, FunctionTimeout, LifeCycle, LoggingConfig,
    MemorySize, PackageType, RecursiveLoop, RoleArn, SnapStart, TagError, Tags, Tenancy,
    TracingMode, VersionNumber,
};
use firelight_store::Txn;

use super::code::{CodeError, NewCode, StoredCode};
use super::description::FunctionDescription;
use super::publish::Publication;
use super::settings::{Settings, SettingsError, check, check_required};
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::records::configuration::{Configuration, PackageRecord, ZipRecord};
use crate::records::function::{FunctionRecord, LatestRecord, RuntimeManagement};
use crate::records::policy::PolicyRecord;
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// A function to create.
#[derive(Clone, Debug)]
pub struct CreateFunction {
    pub arn: FunctionArn,
    pub role: RoleArn,
    pub package_type: PackageType,
    pub code: NewCode,
    pub architecture: Architecture,
    pub tenancy: Tenancy,
    pub settings: Settings,
    pub tags: BTreeMap<String, String>,
    pub code_signing_config: Option<String>,
    /// Whether version 1 is published at once.
    pub publish: bool,
}

/// The function was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateFunctionError {
    #[error("function {arn} exists already")]
    Exists { arn: FunctionArn },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("code signing config {arn} does not exist")]
    NoSuchCodeSigningConfig { arn: String },
    #[error("could not create the function")]
    Store(#[from] StoreTrouble),
}

/// What is known of a function to create before its code is fetched.
#[derive(Clone, Copy, Debug)]
pub struct CreationAnnouncement<'a> {
    pub arn: &'a FunctionArn,
    pub package_type: PackageType,
    pub settings: &'a Settings,
    pub code_signing_config: Option<&'a str>,
}

impl CreateFunction {
    fn announcement(&self) -> CreationAnnouncement<'_> {
        CreationAnnouncement {
            arn: &self.arn,
            package_type: self.package_type,
            settings: &self.settings,
            code_signing_config: self.code_signing_config.as_deref(),
        }
    }
}

impl Control {
    /// Checks what AWS checks before it looks at the code, which may have to be fetched from a bucket.
    pub fn check_creation(
        &self,
        announced: &CreationAnnouncement<'_>,
    ) -> Result<(), CreateFunctionError> {
        let settings = announced.settings;
        check_required(settings, announced.package_type)?;
        settings.check_world(self.world(), announced.arn)?;
        self.view().read().check_creatable(announced)
    }

    /// Creates a function in state Pending; completion makes it Active.
    pub async fn create_function(
        &self,
        origin: &Origin,
        mut request: CreateFunction,
    ) -> Result<FunctionDescription, CreateFunctionError> {
        request.settings.role = Some(request.role.clone());
        self.check_creation(&request.announcement())?;
        check_package_type(request.package_type, &request.code)?;
        let tags = Tags::new(request.tags.clone())?;
        let code = self
            .store_code(request.arn.account, request.code.clone())
            .await?;
        let created = self
            .change_code(origin, code.package(), |tables| {
                self.decide_create(tables, &request, &code, &tags)
            })
            .await?;
        self.world()
            .note_architecture(&request.arn, request.architecture);
        Ok(created)
    }

    fn decide_create(
        &self,
        tables: &Tables,
        request: &CreateFunction,
        code: &StoredCode,
        tags: &Tags,
    ) -> Result<Decision<FunctionDescription>, CreateFunctionError> {
        tables.check_creatable(&request.announcement())?;
        let arn = &request.arn;
        let copies = if request.publish { 2 } else { 1 };
        let added_bytes = code.stored_bytes() * copies;
        tables.check_code_storage(self.world(), &Scope::of(arn), added_bytes)?;
        let bare = bare_configuration(request, code)?;
        let configuration = request.settings.applied(&bare, arn, tables)?;
        check(&configuration)?;
        let mut record = self.new_record(request, configuration, tags);
        let mut described = FunctionDescription::latest(arn, &record);
        let mut txn = Txn::new();
        if request.publish {
            let publication = Publication::of(self.world(), &mut record, None);
            txn = txn.create(
                key::version(arn, publication.number),
                encode(&publication.record),
            );
            // AWS answers with the number, but with the ARN of the function.
            described = publication.described(arn).addressed_as(None);
        }
        txn = txn.create(key::function(arn), encode(&record));
        Ok(Decision::commit(txn, described))
    }

    fn new_record(
        &self,
        request: &CreateFunction,
        configuration: Configuration,
        tags: &Tags,
    ) -> FunctionRecord {
        let world = self.world();
        FunctionRecord {
            latest: LatestRecord {
                identity: world.identity(),
                configuration,
            },
            life_cycle: LifeCycle::created(),
            revision: world.revision(),
            last_modified: world.now(),
            serving: None,
            next_version: VersionNumber::FIRST,
            last_published: None,
            reserved_concurrency: None,
            tags: tags.as_map().clone(),
            policy: PolicyRecord::default(),
            code_signing_config: request.code_signing_config.clone(),
            recursive_loop: RecursiveLoop::Terminate,
            runtime_management: RuntimeManagement::default(),
        }
    }
}

/// The kind of package that is announced is the kind that has to come.
fn check_package_type(announced: PackageType, code: &NewCode) -> Result<(), CodeError> {
    match (announced, code.package_type()) {
        (PackageType::Zip, PackageType::Image) => Err(CodeError::ImageForZip),
        (PackageType::Image, PackageType::Zip) => Err(CodeError::ZipForImage),
        _ => Ok(()),
    }
}

impl Tables {
    fn check_creatable(
        &self,
        announced: &CreationAnnouncement<'_>,
    ) -> Result<(), CreateFunctionError> {
        if self.function(announced.arn).is_some() {
            return Err(CreateFunctionError::Exists {
                arn: announced.arn.clone(),
            });
        }
        let scope = Scope::of(announced.arn);
        let known = |config: &str| self.check_code_signing(&scope, config).is_ok();
        match announced
            .code_signing_config
            .filter(|config| !known(config))
        {
            Some(arn) => Err(CreateFunctionError::NoSuchCodeSigningConfig {
                arn: arn.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// Returns the configuration of a function of which nothing but code, runtime and handler is given.
fn bare_configuration(
    request: &CreateFunction,
    code: &StoredCode,
) -> Result<Configuration, CreateFunctionError> {
    let package = match code.package_type() {
        PackageType::Image => PackageRecord::Image(code.image(None)?),
        PackageType::Zip => PackageRecord::Zip(bare_zip(&request.settings, code)?),
    };
    Ok(Configuration {
        description: String::new(),
        role: request.role.clone(),
        package,
        architecture: request.architecture,
        memory: MemorySize::DEFAULT,
        timeout: FunctionTimeout::DEFAULT,
        ephemeral_storage: EphemeralStorage::DEFAULT,
        variables: None,
        logging: LoggingConfig::of(&request.arn.name),
        tracing: TracingMode::PassThrough,
        snap_start: SnapStart::None,
        tenancy: request.tenancy,
        dead_letter_target: None,
        kms_key: None,
        vpc: None,
        file_systems: Vec::new(),
        durable: None,
        capacity: None,
    })
}

fn bare_zip(settings: &Settings, code: &StoredCode) -> Result<ZipRecord, CreateFunctionError> {
    let (Some(runtime), Some(handler)) = (settings.runtime.clone(), settings.handler.clone())
    else {
        return Err(SettingsError::RuntimeRequired.into());
    };
    Ok(ZipRecord {
        runtime,
        handler,
        code: code.zip()?,
        layers: Vec::new(),
    })
}
