use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, with};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const POLICY: &str = "/2015-03-31/functions/f/policy";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

fn permission(sid: &str, members: Value) -> Value {
    let base = json!({
        "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    });
    with(base, members)
}

#[tokio::test]
async fn permissions_are_added_shown_and_removed() {
    let api = Api::start().await;
    api.active("f").await;

    let source = json!({"SourceArn": "arn:aws:s3:::b", "SourceAccount": "000000000000"});
    let added = api.post(POLICY, permission("s1", source)).await;

    assert_eq!(added.status, 201);
    let statement = format!(
        concat!(
            r#"{{"Sid":"s1","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},"#,
            r#""Action":"lambda:InvokeFunction","Resource":"{}","Condition":{{"StringEquals":"#,
            r#"{{"AWS:SourceAccount":"000000000000"}},"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::b"}}}}}}"#,
        ),
        ARN
    );
    assert_eq!(added.body, json!({"Statement": statement}));
    let found = api.get(POLICY).await.body;
    let document =
        format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}"#);
    assert_eq!(found["Policy"], document);
    // The policy's revision is the function's own.
    assert_eq!(found["RevisionId"], api.settled("f").await["RevisionId"]);

    let removed = api.delete(&format!("{POLICY}/s1")).await;
    assert_eq!((removed.status, removed.body), (204, Value::Null));
    api.get(POLICY)
        .await
        .refused(404, RNF, "The resource you requested does not exist.");
}

#[tokio::test]
async fn each_qualifier_has_a_policy_of_its_own() {
    let api = Api::start().await;
    api.active("f").await;
    api.post(&format!("{FUNCTIONS}/f/versions"), json!({}))
        .await;
    let alias = json!({"Name": "prod", "FunctionVersion": "1"});
    api.post(&format!("{FUNCTIONS}/f/aliases"), alias).await;

    for qualifier in ["1", "prod"] {
        let added = api
            .post(
                &format!("{POLICY}?Qualifier={qualifier}"),
                permission("s1", json!({})),
            )
            .await;
        let statement: Value =
            serde_json::from_str(added.body["Statement"].as_str().unwrap()).unwrap();
        assert_eq!(statement["Resource"], format!("{ARN}:{qualifier}"));
    }

    assert_eq!(api.get(POLICY).await.status, 404);
    let of_alias = api.get(&format!("{POLICY}?Qualifier=prod")).await.body;
    let alias = api.get(&format!("{FUNCTIONS}/f/aliases/prod")).await.body;
    assert_eq!(of_alias["RevisionId"], alias["RevisionId"]);
}

#[tokio::test]
async fn permissions_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let other = "arn:aws:lambda:us-east-1:000000000000:function:other";

    let none = api.delete(&format!("{POLICY}/s1")).await;
    none.refused(404, RNF, "No policy is associated with the given resource.");
    let nobody = api.delete(&format!("{FUNCTIONS}/other/policy/s1")).await;
    nobody.refused(404, RNF, &format!("No policy found for: {other}"));
    let function = api
        .post(
            &format!("{FUNCTIONS}/other/policy"),
            permission("s1", json!({})),
        )
        .await;
    function.refused(404, RNF, &format!("Function not found: {other}"));
    let unknown = api.get(&format!("{FUNCTIONS}/other/policy")).await;
    unknown.refused(404, RNF, "The resource you requested does not exist.");

    api.post(POLICY, permission("s3", json!({}))).await;
    let text = "The statement id (s3) provided already exists. Please provide a new statement id, \
        or remove the existing statement.";
    let twice = api.post(POLICY, permission("s3", json!({}))).await;
    twice.refused(409, "ResourceConflictException", text);
    let sid = api.delete(&format!("{POLICY}/s9")).await;
    sid.refused(404, RNF, "Statement s9 is not found in resource policy.");
    let principal = api
        .post(POLICY, permission("s4", json!({"Principal": "wrong"})))
        .await;
    let text = "The provided principal was invalid. Please check the principal and try again.";
    principal.refused(400, IPV, text);
    let latest = api
        .post(
            &format!("{POLICY}?Qualifier=%24LATEST"),
            permission("s4", json!({})),
        )
        .await;
    latest.refused(
        400,
        IPV,
        "We currently do not support adding policies for $LATEST.",
    );
    let alias = api
        .post(
            &format!("{POLICY}?Qualifier=prod"),
            permission("s4", json!({})),
        )
        .await;
    alias.refused(404, RNF, &format!("Cannot find alias arn: {ARN}:prod"));
    let version = api
        .post(
            &format!("{POLICY}?Qualifier=7"),
            permission("s4", json!({})),
        )
        .await;
    version.refused(404, RNF, &format!("Function not found: {ARN}:7"));
    let stale = api
        .post(POLICY, permission("s4", json!({"RevisionId": "no"})))
        .await;
    let text = "The Revision Id provided does not match the latest Revision Id. \
        Call the GetPolicy API to retrieve the latest Revision Id";
    stale.refused(412, "PreconditionFailedException", text);
    let sid = api.post(POLICY, permission("no spaces", json!({}))).await;
    let text = "1 validation error detected: Value 'no spaces' at 'statementId' failed to satisfy constraint: \
        Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)";
    sid.refused(400, "ValidationException", text);
}

#[tokio::test]
async fn a_policy_has_an_end() {
    let api = Api::start().await;
    api.active("f").await;
    let long = json!({"SourceArn": format!("arn:aws:s3:::{}", "b".repeat(900))});

    let mut refused = None;
    for number in 0..30 {
        let added = api
            .post(POLICY, permission(&format!("s{number}"), long.clone()))
            .await;
        if added.status != 201 {
            refused = Some(added);
            break;
        }
    }

    let refused = refused.unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.error.as_deref(),
        Some("policylengthexceededexception")
    );
    let text = refused.body["message"].as_str().unwrap();
    assert!(
        text.ends_with("is bigger than the limit (20480)."),
        "{text}"
    );
}

#[tokio::test]
async fn the_whole_policy_is_put_read_and_deleted() {
    let api = Api::start().await;
    api.active("f").await;
    api.post(POLICY, permission("old", json!({}))).await;
    let resource = format!("/2026-07-09/resource-policy/{}", ARN.replace(':', "%3A"));
    let statement = format!(
        r#"{{"Sid":"new","Effect":"Allow","Principal":{{"AWS":"111122223333"}},"Action":"lambda:InvokeFunction","Resource":"{ARN}"}}"#
    );
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);

    let put = api.put(&resource, json!({"Policy": document})).await;

    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(put.body["Policy"], document);
    assert_eq!(api.get(POLICY).await.body, put.body);
    assert_eq!(api.get(&resource).await.body, put.body);
    let named = format!(r#"{{"Version":"2012-10-17","Id":"own","Statement":[{statement}]}}"#);
    let named_put = api.put(&resource, json!({"Policy": named})).await;
    assert_eq!(named_put.body["Policy"], named);
    let malformed = api.put(&resource, json!({"Policy": "{}"})).await;
    malformed.refused(400, IPV, "The policy document is malformed.");
    let public = document.replace(r#"{"AWS":"111122223333"}"#, r#""*""#);
    let public = api.put(&resource, json!({"Policy": public})).await;
    let text = "Lambda prevented your policy from being created because it would grant public \
        access to your function.";
    public.refused(400, "PublicPolicyException", text);
    assert_eq!(api.get(&resource).await.body["Policy"], named);
    assert_eq!(api.delete(&resource).await.status, 204);
    assert_eq!(api.get(&resource).await.status, 404);
}
