//! A function with a URL, and a visitor of it.

use std::sync::Arc;

use firelight_api::Authentication;
use firelight_control::records::qualified::CorsRecord;
use firelight_control::{AddPermission, Conditions, Origin, Principal, UrlSettings};
use firelight_model::{FunctionArn, FunctionTarget, InvokeMode, Qualifier, RequestId, UrlAuthType};
use serde_json::json;

use crate::lambda::plane::{Api, Plane};
use crate::script::Script;
use crate::support::{Answer, Server, server_with};

const ALIASES: &str = "/2015-03-31/functions/f/aliases";

/// How the URL of the function `f` is configured, and what stands around it.
pub(crate) struct Url {
    pub(crate) auth_type: UrlAuthType,
    pub(crate) invoke_mode: InvokeMode,
    pub(crate) cors: Option<CorsRecord>,
    pub(crate) authentication: Authentication,
    /// Whether the resource policy lets everybody in.
    pub(crate) public: bool,
    /// The alias that the URL leads to; `$LATEST` otherwise.
    pub(crate) alias: Option<&'static str>,
}

impl Default for Url {
    fn default() -> Self {
        Self {
            auth_type: UrlAuthType::None,
            invoke_mode: InvokeMode::Buffered,
            cors: None,
            authentication: Authentication::Required,
            public: true,
            alias: None,
        }
    }
}

/// Visits the URL.
pub(crate) struct Visitor {
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) id: String,
}

impl Url {
    /// Starts a server where the function has this URL and does as the script says.
    pub(crate) async fn open(self, script: &Arc<Script>) -> Visitor {
        let plane = Plane::start().await;
        let server = server_with(self.authentication, plane.lambda_over(script.clone())).await;
        let open = server_with(Authentication::AnyCredentials, plane.lambda()).await;
        let api = Api::on(open, plane);
        api.active("f").await;
        let target = target(self.alias);
        if let Some(alias) = self.alias {
            let alias = json!({"Name": alias, "FunctionVersion": "$LATEST"});
            assert_eq!(api.post(ALIASES, alias).await.status, 201);
        }
        if self.public {
            permit_everybody(&api, target.clone()).await;
        }
        let settings = UrlSettings {
            auth_type: Some(self.auth_type),
            invoke_mode: Some(self.invoke_mode),
            cors: self.cors,
        };
        let url = api.control().create_url(&origin(), &target, settings).await;
        let id = url.unwrap().record.id;
        Visitor { server, api, id }
    }
}

async fn permit_everybody(api: &Api, target: FunctionTarget) {
    let by_type = Conditions {
        url_auth_type: Some(UrlAuthType::None),
        ..Conditions::default()
    };
    let by_url = Conditions {
        invoked_via_url: Some(true),
        ..Conditions::default()
    };
    for (action, conditions) in [("InvokeFunctionUrl", by_type), ("InvokeFunction", by_url)] {
        let permission = AddPermission {
            target: target.clone(),
            sid: action.to_owned(),
            principal: Principal::Everybody,
            action: format!("lambda:{action}"),
            conditions,
            expected_revision: None,
        };
        let added = api.control().add_permission(&origin(), permission).await;
        added.unwrap();
    }
}

fn origin() -> Origin {
    Origin {
        request_id: RequestId::from_random(*uuid::Uuid::new_v4().as_bytes()),
    }
}

fn target(alias: Option<&str>) -> FunctionTarget {
    let arn = FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "000000000000".parse().unwrap(),
        name: "f".parse().unwrap(),
    };
    FunctionTarget {
        arn,
        qualifier: alias.map(|name| Qualifier::Alias(name.parse().unwrap())),
    }
}

impl Visitor {
    /// Opens a URL that everybody may visit.
    pub(crate) async fn of(script: &Arc<Script>) -> Self {
        Url::default().open(script).await
    }

    pub(crate) fn host(&self) -> String {
        format!("{}.lambda-url.us-east-1.localhost:4566", self.id)
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "", "").await
    }

    /// Sends a request with further headers, each with its line end.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let (host, length) = (self.host(), body.len());
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.server.send(request).await
    }
}

/// Returns the values of a header.
pub(crate) fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = answer.head.lines();
    lines
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(key, value)| (key == name).then_some(value))
        .collect()
}
