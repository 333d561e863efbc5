use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, Reply};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const ALIASES: &str = "/2015-03-31/functions/f/aliases";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

async fn create(api: &Api, members: Value) -> Reply {
    api.post(
        ALIASES,
        super::plane::with(json!({"Name": "prod", "FunctionVersion": "1"}), members),
    )
    .await
}

fn without_revision(mut value: Value) -> Value {
    let revision = value.as_object_mut().unwrap().remove("RevisionId").unwrap();
    assert_eq!(revision.as_str().unwrap().len(), 36);
    value
}

#[tokio::test]
async fn an_alias_is_created_read_changed_and_deleted() {
    let api = Api::with_two_versions("f").await;

    let created = create(&api, json!({})).await;
    assert_eq!(created.status, 201);
    let plain = json!({
        "AliasArn": format!("{ARN}:prod"), "Name": "prod", "FunctionVersion": "1", "Description": "",
    });
    assert_eq!(without_revision(created.body.clone()), plain);
    assert_eq!(api.get(&format!("{ALIASES}/prod")).await.body, created.body);

    let routing = json!({"AdditionalVersionWeights": {"2": 0.2}});
    let updated = api
        .put(
            &format!("{ALIASES}/prod"),
            json!({"RoutingConfig": routing}),
        )
        .await;
    assert_eq!(updated.body["RoutingConfig"], routing);
    assert_ne!(updated.body["RevisionId"], created.body["RevisionId"]);

    let through = api
        .get(&format!("{FUNCTIONS}/f/configuration?Qualifier=prod"))
        .await
        .body;
    assert_eq!(through["FunctionArn"], format!("{ARN}:prod"));
    assert_eq!(through["Version"], "1");

    let cleared = json!({"RoutingConfig": {"AdditionalVersionWeights": {}}});
    let cleared = api.put(&format!("{ALIASES}/prod"), cleared).await.body;
    assert!(cleared.get("RoutingConfig").is_none());

    for _ in 0..2 {
        let deleted = api.delete(&format!("{ALIASES}/prod")).await;
        assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    }
}

#[tokio::test]
async fn aliases_are_listed_by_the_version_they_lead_to() {
    let api = Api::with_two_versions("f").await;
    let weights = json!({"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5}}});
    create(&api, weights).await;
    create(&api, json!({"Name": "other"})).await;

    let names = async |query: &str| {
        let listed = api.get(&format!("{ALIASES}{query}")).await.body;
        let aliases = listed["Aliases"].as_array().unwrap().clone();
        aliases
            .iter()
            .map(|alias| alias["Name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(names("").await, ["other", "prod"]);
    assert_eq!(names("?FunctionVersion=2").await, ["prod"]);
    assert_eq!(
        names("?FunctionVersion=%24LATEST").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn aliases_are_refused_in_the_words_of_aws() {
    let api = Api::with_two_versions("f").await;
    create(&api, json!({})).await;
    let weights = |weights: Value| json!({"Name": "b", "RoutingConfig": {"AdditionalVersionWeights": weights}});

    let text = format!("Alias already exists: {ARN}:prod");
    create(&api, json!({}))
        .await
        .refused(409, "ResourceConflictException", &text);
    let unknown = create(&api, json!({"Name": "b", "FunctionVersion": "10"})).await;
    unknown.refused(404, RNF, &format!("Function not found: {ARN}:10"));
    let many = create(&api, weights(json!({"2": 0.1, "3": 0.1}))).await;
    many.refused(
        400,
        IPV,
        "Number of items in AdditionalVersionWeights cannot be greater than 1",
    );
    let same = create(&api, weights(json!({"1": 0.1}))).await;
    let text = "Invalid function version 1. Function version 1 is already included in routing configuration.";
    same.refused(400, IPV, text);
    let mut latest = weights(json!({"1": 0.1}));
    latest["FunctionVersion"] = json!("$LATEST");
    let text = "$LATEST is not supported for an alias pointing to more than 1 version";
    create(&api, latest).await.refused(400, IPV, text);

    let get = api.get(&format!("{ALIASES}/no")).await;
    get.refused(404, RNF, &format!("Cannot find alias arn: {ARN}:no"));
    let update = api.put(&format!("{ALIASES}/no"), json!({})).await;
    update.refused(404, RNF, &format!("Alias not found: {ARN}:no"));
    let stale = api
        .put(&format!("{ALIASES}/prod"), json!({"RevisionId": "no"}))
        .await;
    let text = "The Revision Id provided does not match the latest Revision Id. \
        Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
    stale.refused(412, "PreconditionFailedException", text);
    let used = api.delete(&format!("{FUNCTIONS}/f?Qualifier=1")).await;
    let text = "Unable to delete version because the following aliases reference it: [prod]";
    used.refused(409, "ResourceConflictException", text);
    let by_alias = api.delete(&format!("{FUNCTIONS}/f?Qualifier=prod")).await;
    by_alias.refused(400, IPV, "Deletion of aliases is not currently supported.");
}
