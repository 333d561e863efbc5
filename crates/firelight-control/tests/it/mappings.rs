//! Event source mappings, as several callers make them at once.

use std::collections::BTreeMap;

use firelight_control::{CreateMapping, MappingError, Scope};
use serde_json::Map;

use crate::support::{TestControl, active, arn, origin, whole};

#[tokio::test]
async fn of_equal_mappings_made_at_once_one_is_made() {
    let control = TestControl::new().await;
    active(&control, "f").await;
    let request = CreateMapping {
        scope: Scope::of(&arn("f")),
        function: whole("f"),
        event_source_arn: Some("arn:aws:sqs:us-east-1:000000000000:q".into()),
        enabled: true,
        settings: Map::new(),
        tags: BTreeMap::new(),
    };

    let create = || {
        let (control, request) = (control.control.clone(), request.clone());
        async move { control.create_mapping(&origin(), &request).await }
    };
    let (one, two, three) = tokio::join!(create(), create(), create());

    let made = [one, two, three];
    let refused = |result: &&Result<_, _>| matches!(result, Err(MappingError::Duplicate { .. }));
    assert_eq!(made.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(made.iter().filter(refused).count(), 2);
}
