//! Markers of listings: opaque, and good only where they were given.

use super::plane::{Api, FUNCTIONS};

const IPV: &str = "InvalidParameterValueException";

#[tokio::test]
async fn a_marker_that_no_answer_gave_is_refused_by_every_listing() {
    let api = Api::start().await;
    api.active("f").await;

    for path in [
        "/2015-03-31/functions",
        "/2015-03-31/functions?FunctionVersion=ALL",
        "/2015-03-31/functions/f/versions",
        "/2015-03-31/functions/f/aliases",
        "/2015-03-31/event-source-mappings",
        "/2018-10-31/layers",
        "/2018-10-31/layers/l/versions",
        "/2019-09-25/functions/f/event-invoke-config/list",
        "/2019-09-30/functions/f/provisioned-concurrency?List=ALL",
        "/2020-04-22/code-signing-configs",
        "/2021-10-31/functions/f/urls",
    ] {
        let and = if path.contains('?') { '&' } else { '?' };
        for marker in ["f", "%21%21", "Zg"] {
            let answer = api.get(&format!("{path}{and}Marker={marker}")).await;
            answer.refused(400, IPV, "Invalid marker.");
        }
    }
}

#[tokio::test]
async fn a_marker_of_another_listing_is_refused() {
    let api = Api::start().await;
    api.active("f").await;
    api.active("g").await;
    let page = api.get(&format!("{FUNCTIONS}?MaxItems=1")).await.body;
    let marker = page["NextMarker"].as_str().unwrap();

    let own = api.get(&format!("{FUNCTIONS}?Marker={marker}")).await;
    let other = api
        .get(&format!("{FUNCTIONS}/f/versions?Marker={marker}"))
        .await;

    assert_eq!(own.body["Functions"][0]["FunctionName"], "g");
    other.refused(400, IPV, "Invalid marker.");
}
