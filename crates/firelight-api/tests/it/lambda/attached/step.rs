//! The calls, as requests.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::lambda::plane::{Api, FUNCTIONS, zip};

const TAGS: &str = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";
const LAYER: &str = "/2018-10-31/layers/l/versions";

/// What a call is about: the function, its version 1, or its alias `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum On {
    Function,
    One,
    Alias,
}

impl On {
    fn query(self) -> &'static str {
        match self {
            Self::Function => "",
            Self::One => "?Qualifier=1",
            Self::Alias => "?Qualifier=a",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Create,
    Delete,
    CreateAlias,
    MoveAlias,
    DeleteAlias,
    Reserve(u32),
    Unreserve,
    Provision(On, u32),
    Unprovision(On),
    Permit(On, u8),
    Unpermit(On, u8),
    CreateUrl(On),
    UpdateUrl(On),
    DeleteUrl(On),
    PutEvents(On, u8),
    UpdateEvents(On, u16),
    DeleteEvents(On),
    Tag(u8, u8),
    Untag(u8),
    PublishLayer,
    DeleteLayer(u64),
    PermitLayer(u64),
    UnpermitLayer(u64),
    Attach(Option<u64>),
}

pub(super) fn any() -> impl Strategy<Value = Step> {
    use Step::*;
    let all = || prop_oneof![Just(On::Function), Just(On::One), Just(On::Alias)];
    let versions = || prop_oneof![Just(On::One), Just(On::Alias)];
    let fronts = || prop_oneof![Just(On::Function), Just(On::Alias)];
    let count = || prop_oneof![Just(1_u32), Just(3), Just(450), Just(900), Just(901)];
    let function = prop_oneof![
        6 => Just(Create),
        1 => Just(Delete),
        4 => Just(CreateAlias),
        1 => Just(MoveAlias),
        1 => Just(DeleteAlias),
        3 => count().prop_map(Reserve),
        1 => Just(Unreserve),
        4 => (versions(), count()).prop_map(|(on, count)| Provision(on, count)),
        1 => versions().prop_map(Unprovision),
        3 => (all(), 0..2_u8).prop_map(|(on, sid)| Permit(on, sid)),
        2 => (all(), 0..2_u8).prop_map(|(on, sid)| Unpermit(on, sid)),
    ];
    let fronts_and_events = prop_oneof![
        3 => fronts().prop_map(CreateUrl),
        1 => fronts().prop_map(UpdateUrl),
        1 => fronts().prop_map(DeleteUrl),
        3 => (all(), 0..3_u8).prop_map(|(on, retries)| PutEvents(on, retries)),
        2 => (all(), 60..63_u16).prop_map(|(on, age)| UpdateEvents(on, age)),
        1 => all().prop_map(DeleteEvents),
        2 => (0..2_u8, 0..2_u8).prop_map(|(key, value)| Tag(key, value)),
        1 => (0..2_u8).prop_map(Untag),
    ];
    let layers = prop_oneof![
        3 => Just(PublishLayer),
        1 => (1..4_u64).prop_map(DeleteLayer),
        2 => (1..4_u64).prop_map(PermitLayer),
        1 => (1..4_u64).prop_map(UnpermitLayer),
        3 => proptest::option::of(1..4_u64).prop_map(Attach),
    ];
    prop_oneof![3 => function, 2 => fronts_and_events, 1 => layers]
}

impl Step {
    /// Makes the call and returns its status.
    pub(super) async fn send(&self, api: &Api) -> u16 {
        let (method, path, body) = self.request();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        api.raw(method, &path, &body).await.status
    }

    fn request(&self) -> (&'static str, String, Option<Value>) {
        match *self {
            Self::Create => unreachable!("several calls"),
            Self::Delete => ("DELETE", format!("{FUNCTIONS}/f"), None),
            Self::CreateAlias | Self::MoveAlias | Self::DeleteAlias => self.alias(),
            Self::Reserve(_) | Self::Unreserve | Self::Provision(..) | Self::Unprovision(_) => {
                self.concurrency()
            }
            Self::Permit(..) | Self::Unpermit(..) => self.policy(),
            Self::CreateUrl(_) | Self::UpdateUrl(_) | Self::DeleteUrl(_) => self.url(),
            Self::PutEvents(..) | Self::UpdateEvents(..) | Self::DeleteEvents(_) => self.events(),
            Self::Tag(key, value) => {
                let body = json!({"Tags": {format!("k{key}"): value.to_string()}});
                ("POST", TAGS.to_owned(), Some(body))
            }
            Self::Untag(key) => ("DELETE", format!("{TAGS}?tagKeys=k{key}"), None),
            _ => self.layer(),
        }
    }

    fn alias(&self) -> (&'static str, String, Option<Value>) {
        let aliases = format!("{FUNCTIONS}/f/aliases");
        match self {
            Self::CreateAlias => {
                let body = json!({"Name": "a", "FunctionVersion": "1"});
                ("POST", aliases, Some(body))
            }
            Self::MoveAlias => {
                let body = json!({"FunctionVersion": "2"});
                ("PUT", format!("{aliases}/a"), Some(body))
            }
            _ => ("DELETE", format!("{aliases}/a"), None),
        }
    }

    fn concurrency(&self) -> (&'static str, String, Option<Value>) {
        let reserved = "/2017-10-31/functions/f/concurrency".to_owned();
        let provisioned = |on: On| {
            format!(
                "/2019-09-30/functions/f/provisioned-concurrency{}",
                on.query()
            )
        };
        match *self {
            Self::Reserve(count) => {
                let body = json!({"ReservedConcurrentExecutions": count});
                ("PUT", reserved, Some(body))
            }
            Self::Provision(on, count) => {
                let body = json!({"ProvisionedConcurrentExecutions": count});
                ("PUT", provisioned(on), Some(body))
            }
            Self::Unprovision(on) => ("DELETE", provisioned(on), None),
            _ => ("DELETE", reserved, None),
        }
    }

    fn policy(&self) -> (&'static str, String, Option<Value>) {
        let policy = format!("{FUNCTIONS}/f/policy");
        match *self {
            Self::Permit(on, sid) => {
                let body = json!({
                    "StatementId": format!("s{sid}"), "Action": "lambda:InvokeFunction",
                    "Principal": "s3.amazonaws.com",
                });
                ("POST", format!("{policy}{}", on.query()), Some(body))
            }
            Self::Unpermit(on, sid) => ("DELETE", format!("{policy}/s{sid}{}", on.query()), None),
            _ => unreachable!("{self:?} is about no policy"),
        }
    }

    fn url(&self) -> (&'static str, String, Option<Value>) {
        let path = |on: On| format!("/2021-10-31/functions/f/url{}", on.query());
        let body = |auth: &str| Some(json!({"AuthType": auth}));
        match *self {
            Self::CreateUrl(on) => ("POST", path(on), body("NONE")),
            Self::UpdateUrl(on) => ("PUT", path(on), body("AWS_IAM")),
            Self::DeleteUrl(on) => ("DELETE", path(on), None),
            _ => unreachable!("{self:?} is about no URL"),
        }
    }

    fn events(&self) -> (&'static str, String, Option<Value>) {
        let path = |on: On| format!("/2019-09-25/functions/f/event-invoke-config{}", on.query());
        match *self {
            Self::PutEvents(on, retries) => {
                let body = json!({"MaximumRetryAttempts": retries});
                ("PUT", path(on), Some(body))
            }
            Self::UpdateEvents(on, age) => {
                let body = json!({"MaximumEventAgeInSeconds": age});
                ("POST", path(on), Some(body))
            }
            Self::DeleteEvents(on) => ("DELETE", path(on), None),
            _ => unreachable!("{self:?} is about no events"),
        }
    }

    fn layer(&self) -> (&'static str, String, Option<Value>) {
        match *self {
            Self::PublishLayer => {
                let body = json!({"Content": {"ZipFile": zip("layer")}});
                ("POST", LAYER.to_owned(), Some(body))
            }
            Self::DeleteLayer(version) => ("DELETE", format!("{LAYER}/{version}"), None),
            Self::PermitLayer(version) => {
                let body = json!({
                    "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*",
                });
                ("POST", format!("{LAYER}/{version}/policy"), Some(body))
            }
            Self::UnpermitLayer(version) => ("DELETE", format!("{LAYER}/{version}/policy/s"), None),
            Self::Attach(version) => {
                let arn =
                    |version| format!("arn:aws:lambda:us-east-1:000000000000:layer:l:{version}");
                let layers: Vec<_> = version.into_iter().map(arn).collect();
                let path = format!("{FUNCTIONS}/f/configuration");
                ("PUT", path, Some(json!({"Layers": layers})))
            }
            _ => unreachable!("{self:?} is about no layer"),
        }
    }
}
