//! Any sequence of calls on a model and on the control plane agrees.

use std::collections::BTreeMap;

use firelight_control::{
    AliasError, CreateAlias, CreateFunctionError, DeleteFunctionError, FindError,
    PublishVersionError, Routing, Scope, Settings, UpdateAlias, UpdateFunctionConfiguration,
    UpdateFunctionError,
};
use firelight_model::{FunctionTarget, Version, VersionNumber, Weight};
use proptest::prelude::*;

use crate::support::{
    TestControl, arn, code, creation, origin, publication, settled, target, update, whole,
};

const FUNCTION: &str = "f";

#[derive(Clone, Debug)]
enum Step {
    Create,
    UpdateCode(u8),
    Describe(u8),
    Publish,
    CreateAlias(u8, u64, Option<u64>),
    UpdateAlias(u8, Option<u64>, Option<Option<u64>>),
    DeleteAlias(u8),
    DeleteVersion(u64),
    DeleteFunction,
}

/// How a call ended, as far as the model tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Published(u64),
    NotFound,
    Exists,
    Invalid,
    InUse,
}

/// What a function should be. Code and descriptions are numbers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    function: Option<ModelFunction>,
}

#[derive(Clone, Debug, PartialEq)]
struct ModelFunction {
    latest: (u8, u8),
    published: u64,
    versions: BTreeMap<u64, (u8, u8)>,
    aliases: BTreeMap<u8, (u64, Option<u64>)>,
}

impl ModelFunction {
    fn has(&self, version: u64) -> bool {
        self.versions.contains_key(&version)
    }

    fn check_route(&self, main: u64, additional: Option<u64>) -> Result<(), End> {
        if additional == Some(main) {
            return Err(End::Invalid);
        }
        let found = self.has(main) && additional.is_none_or(|version| self.has(version));
        if found { Ok(()) } else { Err(End::NotFound) }
    }
}

impl Model {
    fn apply(&mut self, step: &Step) -> End {
        if let Step::Create = step {
            return self.create();
        }
        let Some(function) = &mut self.function else {
            return End::NotFound;
        };
        match *step {
            Step::Create => End::Exists,
            Step::UpdateCode(code) => {
                function.latest.0 = code;
                End::Done
            }
            Step::Describe(text) => {
                function.latest.1 = text;
                End::Done
            }
            Step::Publish => function.publish(),
            Step::CreateAlias(name, main, additional) => function
                .create_alias(name, main, additional)
                .unwrap_or_else(|end| end),
            Step::UpdateAlias(name, main, additional) => function
                .update_alias(name, main, additional)
                .unwrap_or_else(|end| end),
            Step::DeleteAlias(name) => {
                function.aliases.remove(&name);
                End::Done
            }
            Step::DeleteVersion(version) => function.delete_version(version),
            Step::DeleteFunction => {
                self.function = None;
                End::Done
            }
        }
    }

    fn create(&mut self) -> End {
        if self.function.is_some() {
            return End::Exists;
        }
        self.function = Some(ModelFunction {
            latest: (0, 0),
            published: 0,
            versions: BTreeMap::new(),
            aliases: BTreeMap::new(),
        });
        End::Done
    }
}

impl ModelFunction {
    fn publish(&mut self) -> End {
        if self.versions.get(&self.published) != Some(&self.latest) {
            self.published += 1;
            self.versions.insert(self.published, self.latest);
        }
        End::Published(self.published)
    }

    fn create_alias(&mut self, name: u8, main: u64, additional: Option<u64>) -> Result<End, End> {
        if self.aliases.contains_key(&name) {
            return Err(End::Exists);
        }
        self.check_route(main, additional)?;
        self.aliases.insert(name, (main, additional));
        Ok(End::Done)
    }

    fn update_alias(
        &mut self,
        name: u8,
        main: Option<u64>,
        additional: Option<Option<u64>>,
    ) -> Result<End, End> {
        let old = *self.aliases.get(&name).ok_or(End::NotFound)?;
        let new = (main.unwrap_or(old.0), additional.unwrap_or(old.1));
        self.check_route(new.0, new.1)?;
        self.aliases.insert(name, new);
        Ok(End::Done)
    }

    fn delete_version(&mut self, version: u64) -> End {
        let used = |route: &(u64, Option<u64>)| route.0 == version || route.1 == Some(version);
        if !self.has(version) {
            End::NotFound
        } else if self.aliases.values().any(used) {
            End::InUse
        } else {
            self.versions.remove(&version);
            End::Done
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let version = || 1..4_u64;
    prop_oneof![
        2 => Just(Step::Create),
        3 => (0..3_u8).prop_map(Step::UpdateCode),
        2 => (0..3_u8).prop_map(Step::Describe),
        4 => Just(Step::Publish),
        3 => (0..2_u8, version(), proptest::option::of(version()))
            .prop_map(|(name, main, additional)| Step::CreateAlias(name, main, additional)),
        3 => (0..2_u8, proptest::option::of(version()), proptest::option::of(proptest::option::of(version())))
            .prop_map(|(name, main, additional)| Step::UpdateAlias(name, main, additional)),
        1 => (0..2_u8).prop_map(Step::DeleteAlias),
        2 => version().prop_map(Step::DeleteVersion),
        1 => Just(Step::DeleteFunction),
    ]
}

fn number(version: u64) -> VersionNumber {
    VersionNumber::new(version).unwrap()
}

fn routing(additional: Option<u64>) -> Routing {
    let half = Weight::new(0.5).unwrap();
    Routing {
        weights: additional
            .into_iter()
            .map(|version| (number(version), half))
            .collect(),
    }
}

fn alias(name: u8) -> firelight_model::AliasName {
    ["red", "blue"][usize::from(name)].parse().unwrap()
}

fn alias_end(error: &AliasError) -> End {
    match error {
        AliasError::Find(_) | AliasError::NoSuchAlias { .. } => End::NotFound,
        AliasError::Exists { .. } => End::Exists,
        AliasError::Route(_) => End::Invalid,
        other => panic!("{other}"),
    }
}

async fn run(control: &TestControl, step: &Step) -> End {
    let origin = origin();
    match *step {
        Step::Create => match control.create_function(&origin, creation(FUNCTION)).await {
            Ok(_) => End::Done,
            Err(CreateFunctionError::Exists { .. }) => End::Exists,
            Err(other) => panic!("{other}"),
        },
        Step::UpdateCode(content) => {
            let request = update(FUNCTION, ["one", "two", "three"][usize::from(content)]);
            update_end(
                control
                    .update_function_code(&origin, request)
                    .await
                    .map(|_| ()),
            )
        }
        Step::Describe(text) => {
            let description = Some(["", "b", "c"][usize::from(text)].to_owned());
            let request = UpdateFunctionConfiguration {
                arn: arn(FUNCTION),
                settings: Settings {
                    description,
                    ..Settings::default()
                },
                expected_revision: None,
            };
            update_end(
                control
                    .update_function_configuration(&origin, request)
                    .await
                    .map(|_| ()),
            )
        }
        Step::Publish => publish(control).await,
        Step::CreateAlias(name, main, additional) => {
            let request = CreateAlias {
                arn: arn(FUNCTION),
                name: alias(name),
                version: Version::Number(number(main)),
                description: String::new(),
                routing: Some(routing(additional)),
            };
            let created = control.create_alias(&origin, request).await;
            created.map_or_else(|error| alias_end(&error), |_| End::Done)
        }
        Step::UpdateAlias(name, main, additional) => {
            let request = UpdateAlias {
                arn: arn(FUNCTION),
                name: alias(name),
                version: main.map(|main| Version::Number(number(main))),
                description: None,
                routing: additional.map(routing),
                expected_revision: None,
            };
            let updated = control.update_alias(&origin, request).await;
            updated.map_or_else(|error| alias_end(&error), |_| End::Done)
        }
        Step::DeleteAlias(name) => {
            let deleted = control
                .delete_alias(&origin, &arn(FUNCTION), &alias(name))
                .await;
            deleted.map_or_else(|error| alias_end(&error), |()| End::Done)
        }
        Step::DeleteVersion(version) => {
            delete(control, target(FUNCTION, &version.to_string())).await
        }
        Step::DeleteFunction => delete(control, whole(FUNCTION)).await,
    }
}

fn update_end(updated: Result<(), UpdateFunctionError>) -> End {
    match updated {
        Ok(()) => End::Done,
        Err(UpdateFunctionError::Find(_)) => End::NotFound,
        Err(other) => panic!("{other}"),
    }
}

async fn publish(control: &TestControl) -> End {
    match control
        .publish_version(&origin(), publication(FUNCTION))
        .await
    {
        Ok(published) => End::Published(published.version.number().unwrap().get()),
        Err(PublishVersionError::Find(FindError::NoSuchFunction { .. })) => End::NotFound,
        Err(other) => panic!("{other}"),
    }
}

async fn delete(control: &TestControl, target: FunctionTarget) -> End {
    match control.delete_function(&origin(), target).await {
        Ok(()) => End::Done,
        Err(DeleteFunctionError::Find(_)) => End::NotFound,
        Err(DeleteFunctionError::UsedByAliases { .. }) => End::InUse,
        Err(other) => panic!("{other}"),
    }
}

/// Reads what there is back into the form of the model.
fn read(control: &firelight_control::Control, published: u64) -> Model {
    let Ok(entry) = control.function(&arn(FUNCTION)) else {
        return Model::default();
    };
    let content = |configuration: &firelight_control::records::configuration::Configuration| {
        let sha256 = configuration.code_sha256_text();
        let is = |text: &&str| {
            let firelight_control::NewCode::Zip { zip, .. } = code(text) else {
                return false;
            };
            firelight_model::CodeSha256::from_bytes(
                *firelight_store::BlobDigest::of(&zip).as_bytes(),
            )
            .to_base64()
                == sha256
        };
        let code = ["one", "two", "three"].iter().position(is).unwrap();
        let text = ["", "b", "c"]
            .iter()
            .position(|text| *text == configuration.description)
            .unwrap();
        (u8::try_from(code).unwrap(), u8::try_from(text).unwrap())
    };
    let versions = entry.versions.iter();
    let aliases = entry.aliases.iter().map(|(name, stored)| {
        let route = &stored.record.route;
        let main = route.main().number().unwrap().get();
        let additional = route.additional().map(|(number, _)| number.get());
        (u8::from(name.as_str() == "blue"), (main, additional))
    });
    Model {
        function: Some(ModelFunction {
            latest: content(&entry.function.record.latest.configuration),
            published,
            versions: versions
                .map(|(number, v)| (number.get(), content(&v.stored.record.configuration)))
                .collect(),
            aliases: aliases.collect(),
        }),
    }
}

async fn agree(steps: Vec<Step>) {
    let control = TestControl::new().await;
    let _completion = control.complete();
    let mut model = Model::default();
    for step in &steps {
        assert_eq!(
            run(&control, step).await,
            model.apply(step),
            "{step:?} of {steps:?}"
        );
        if model.function.is_some() {
            settled(&control, FUNCTION).await;
        }
    }
    let published = model
        .function
        .as_ref()
        .map_or(0, |function| function.published);
    assert_eq!(read(&control, published), model, "after {steps:?}");
    let scope = Scope::of(&arn(FUNCTION));
    let listed = control.list_functions(&scope, None, 10).items.len();
    assert_eq!(listed, usize::from(model.function.is_some()));
    // What a new process loads is what the old one followed.
    assert_eq!(read(&control.again().await, published), model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_of_calls_ends_as_the_model_says(steps in proptest::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(steps));
    }
}
