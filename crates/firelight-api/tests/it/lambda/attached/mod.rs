//! Any sequence of calls about what is attached to a function, and about layers: a model and the server agree.
//!
//! Versions and aliases themselves have a model in `firelight-control`; here are the reservations, policies, URLs, event
//! invoke configs, tags and layers that hang on them, each call over HTTP.

mod model;
mod read;
mod step;

use proptest::prelude::*;
use serde_json::json;

use self::model::Model;
use self::step::Step;
use super::plane::{Api, FUNCTIONS, creation};

/// Makes what the model takes for one call: a function with two versions.
async fn create(api: &Api) -> u16 {
    let created = api.post(FUNCTIONS, creation("f")).await.status;
    if created == 201 {
        api.settled("f").await;
        for description in ["one", "two"] {
            let change = json!({"Description": description});
            api.put(&format!("{FUNCTIONS}/f/configuration"), change)
                .await;
            api.settled("f").await;
            let versions = format!("{FUNCTIONS}/f/versions");
            assert_eq!(api.post(&versions, json!({})).await.status, 201);
        }
    }
    created
}

async fn agree(steps: Vec<Step>) {
    let api = Api::start().await;
    let _completion = api.complete();
    let mut model = Model::default();

    for step in &steps {
        let expected = model.apply(step);
        let found = match step {
            Step::Create => create(&api).await,
            other => other.send(&api).await,
        };
        assert_eq!(found, expected, "{step:?} of {steps:?}");
        if matches!(step, Step::Attach(_)) && found == 200 {
            api.settled("f").await;
        }
    }

    assert_eq!(read::all(&api).await, model.shown(), "after {steps:?}");
    // What a new process loads is what the old one followed.
    let again = api.again().await;
    assert_eq!(read::all(&again).await, model.shown(), "again {steps:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sequence_of_calls_ends_as_the_model_says(steps in proptest::collection::vec(step::any(), 8..48)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(steps));
    }
}
