//! What callers may do where policies decide.

use firelight_api::Authentication;
use firelight_api::sigv4::{Signer, SigningCredentials, SigningTime};
use serde_json::json;

use crate::lambda::plane::Plane;
use crate::support::{Answer, ROOT_KEY_ID, ROOT_SECRET, Server, server, server_with};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":
    {"AWS":"000000000000"},"Action":"sts:AssumeRole"}}"#;

pub(crate) fn root() -> SigningCredentials {
    SigningCredentials {
        access_key_id: ROOT_KEY_ID.into(),
        secret_access_key: ROOT_SECRET.into(),
        session_token: None,
    }
}

/// A request that is signed and sent.
pub(crate) struct Signed<'a> {
    pub(crate) server: &'a Server,
    pub(crate) credentials: &'a SigningCredentials,
}

impl Signed<'_> {
    pub(crate) async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: &str,
    ) -> Answer {
        let host = self.server.address.to_string();
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", &host);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let (credentials, region) = (self.credentials, "us-east-1");
        let time = SigningTime::from_timestamp(jiff::Timestamp::now());
        Signer {
            credentials,
            region,
            service,
            time,
        }
        .sign(&mut parts, body.as_bytes());
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in &parts.headers {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.server.send(text).await
    }

    pub(crate) async fn form(&self, service: &str, pairs: &[(&str, &str)]) -> Answer {
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let form = Some(("content-type", "application/x-www-form-urlencoded"));
        self.send(service, "POST", "/", form, &pairs.join("&"))
            .await
    }

    pub(crate) async fn iam(&self, pairs: &[(&str, &str)]) -> Answer {
        self.form("iam", pairs).await
    }

    pub(crate) async fn lambda(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send("lambda", method, path, None, body).await
    }
}

/// Sends a request to S3 that root signed.
pub(crate) async fn s3_by_root(
    server: &Server,
    method: &str,
    path: &str,
    header: Option<(&str, &str)>,
    body: &str,
) -> Answer {
    let credentials = &root();
    let sender = Signed {
        server,
        credentials,
    };
    sender.send("s3", method, path, header, body).await
}

/// Makes a user with one inline policy and returns its key.
pub(crate) async fn user(server: &Server, statement: serde_json::Value) -> SigningCredentials {
    let credentials = root();
    let root = Signed {
        server,
        credentials: &credentials,
    };
    root.iam(&[("Action", "CreateUser"), ("UserName", "ann")])
        .await;
    let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let put = root
        .iam(&[
            ("Action", "PutUserPolicy"),
            ("UserName", "ann"),
            ("PolicyName", "own"),
            ("PolicyDocument", &document),
        ])
        .await;
    assert_eq!(put.status, 200, "{}", put.body);
    let key = root
        .iam(&[("Action", "CreateAccessKey"), ("UserName", "ann")])
        .await;
    SigningCredentials {
        access_key_id: key.element("AccessKeyId").to_owned(),
        secret_access_key: key.element("SecretAccessKey").to_owned(),
        session_token: None,
    }
}

/// A server with one user, ann, who may do what her statements say.
pub(crate) struct OneUser {
    server: Server,
    key: SigningCredentials,
    owner: SigningCredentials,
    _plane: Plane,
}

impl OneUser {
    pub(crate) async fn who_may(statement: serde_json::Value) -> Self {
        let (server, plane) = with_function().await;
        let key = user(&server, statement).await;
        Self {
            server,
            key,
            owner: root(),
            _plane: plane,
        }
    }

    /// Calls are signed by ann.
    pub(crate) fn ann(&self) -> Signed<'_> {
        self.signed(&self.key)
    }

    /// Calls are signed with the root key.
    pub(crate) fn root(&self) -> Signed<'_> {
        self.signed(&self.owner)
    }

    fn signed<'a>(&'a self, credentials: &'a SigningCredentials) -> Signed<'a> {
        Signed {
            server: &self.server,
            credentials,
        }
    }
}

pub(crate) async fn with_function() -> (Server, Plane) {
    let plane = Plane::start().await;
    let server = server_with(Authentication::Required, plane.lambda()).await;
    (server, plane)
}

#[tokio::test]
async fn user_may_do_what_its_policy_allows_and_nothing_else() {
    let statement = json!({"Effect": "Allow", "Action": "lambda:List*", "Resource": "*"});
    let one = OneUser::who_may(statement).await;
    let ann = one.ann();

    let list = ann.lambda("GET", "/2015-03-31/functions/", "").await;
    let get = ann.lambda("GET", "/2015-03-31/functions/f", "").await;

    assert_eq!(list.status, 200, "{}", list.body);
    assert_eq!(get.status, 403);
    assert!(get.head.contains("x-amzn-errortype: accessdeniedexception"));
    let text = "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: \
        lambda:GetFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:f because \
        no identity-based policy allows the lambda:GetFunction action";
    assert_eq!(get.body, json!({ "Message": text }).to_string());
}

#[tokio::test]
async fn permission_on_one_function_is_none_on_another() {
    let arn = "arn:aws:lambda:*:000000000000:function:mine";
    let statement = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": arn});
    let one = OneUser::who_may(statement).await;
    let ann = one.ann();

    // Nothing is there, so whoever is let in learns that.
    assert_eq!(
        ann.lambda("GET", "/2015-03-31/functions/mine", "")
            .await
            .status,
        404
    );
    assert_eq!(
        ann.lambda("GET", "/2015-03-31/functions/other", "")
            .await
            .status,
        403
    );
    let escaped = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction\
        %3Aother";
    assert_eq!(ann.lambda("GET", escaped, "").await.status, 403);
}

#[tokio::test]
async fn role_is_handed_to_a_function_only_by_who_may_pass_it() {
    let statement = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"});
    let one = OneUser::who_may(statement).await;
    let ann = one.ann();
    let body = json!({"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/admin"});

    let answer = ann
        .lambda("POST", "/2015-03-31/functions", &body.to_string())
        .await;

    assert_eq!(answer.status, 403);
    let text = "iam:PassRole on resource: arn:aws:iam::000000000000:role/admin because no \
        identity-based policy allows the iam:PassRole action";
    assert!(answer.body.contains(text), "{}", answer.body);
}

#[tokio::test]
async fn session_of_a_role_has_the_permissions_of_the_role() {
    let server = server(Authentication::Required).await;
    let credentials = root();
    let root = Signed {
        server: &server,
        credentials: &credentials,
    };
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "app"),
        ("AssumeRolePolicyDocument", TRUST),
    ];
    root.iam(&create).await;
    let policy = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    root.iam(&[
        ("Action", "AttachRolePolicy"),
        ("RoleName", "app"),
        ("PolicyArn", policy),
    ])
    .await;
    let assumed = root
        .form(
            "sts",
            &[
                ("Action", "AssumeRole"),
                ("RoleArn", "arn:aws:iam::000000000000:role/app"),
                ("RoleSessionName", "one"),
            ],
        )
        .await;
    let key = SigningCredentials {
        access_key_id: assumed.element("AccessKeyId").to_owned(),
        secret_access_key: assumed.element("SecretAccessKey").to_owned(),
        session_token: Some(assumed.element("SessionToken").to_owned()),
    };
    let session = Signed {
        server: &server,
        credentials: &key,
    };

    let list = session.iam(&[("Action", "ListRoles")]).await;
    let delete = session
        .iam(&[("Action", "DeleteRole"), ("RoleName", "app")])
        .await;

    assert_eq!(list.status, 200, "{}", list.body);
    assert_eq!(delete.status, 403);
    assert_eq!(delete.element("Code"), "AccessDenied");
    let user = "User: arn:aws:sts::000000000000:assumed-role/app/one is not authorized to perform: \
        iam:DeleteRole on resource: arn:aws:iam::000000000000:role/app";
    assert!(
        delete.element("Message").starts_with(user),
        "{}",
        delete.body
    );
    root.iam(&[
        ("Action", "DetachRolePolicy"),
        ("RoleName", "app"),
        ("PolicyArn", policy),
    ])
    .await;
    assert_eq!(session.iam(&[("Action", "ListRoles")]).await.status, 403);
}

#[tokio::test]
async fn logs_and_parameters_are_guarded_each_on_their_own() {
    let server = server(Authentication::Required).await;
    let statement = json!([
        {"Effect": "Allow", "Action": "logs:CreateLogGroup",
         "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/mine:*"},
        {"Effect": "Allow", "Action": "ssm:GetParameter*",
         "Resource": "arn:aws:ssm:*:*:parameter/mine/*"},
    ]);
    let key = user(&server, statement).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };
    let call = async |service: &str, target: &str, body: &str| {
        let target = Some(("x-amz-target", target));
        ann.send(service, "POST", "/", target, body).await
    };

    let create = "Logs_20140328.CreateLogGroup";
    let mine = call("logs", create, r#"{"logGroupName":"/mine"}"#).await;
    let other = call("logs", create, r#"{"logGroupName":"/other"}"#).await;
    let read = call("ssm", "AmazonSSM.GetParameter", r#"{"Name":"/mine/x"}"#).await;
    let both = r#"{"Names":["/mine/x","/other/x"]}"#;
    let both = call("ssm", "AmazonSSM.GetParameters", both).await;

    assert_eq!(mine.status, 200, "{}", mine.body);
    assert_eq!(other.status, 400);
    assert!(
        other.body.contains("\"__type\":\"AccessDeniedException\""),
        "{}",
        other.body
    );
    assert!(read.body.contains("ParameterNotFound"), "{}", read.body);
    assert!(
        both.body
            .contains("parameter/other/x because no identity-based policy")
    );
}
