//! Listings: complete, in order, rolled up, page by page.

use crate::support::Cabinet;

async fn with_keys(keys: &[&str]) -> Cabinet {
    let s3 = Cabinet::new().await;
    s3.put("/bkt", "").await.ok();
    for key in keys {
        s3.put(&format!("/bkt/{key}"), "").await.ok();
    }
    s3
}

/// Reads all pages of a listing: keys and common prefixes as they come.
async fn pages(s3: &Cabinet, query: &str) -> Vec<String> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = s3
            .get(&format!("/bkt?list-type=2&{query}{token}"))
            .await
            .ok();
        all.extend(page.elements("Key").iter().map(|&key| key.to_owned()));
        let rolled = page.elements("CommonPrefixes").join("");
        let prefixes = rolled
            .split("<Prefix>")
            .skip(1)
            .map(|it| it.replace("</Prefix>", ""));
        all.extend(prefixes);
        let next = page.elements("NextContinuationToken");
        let [next] = next.as_slice() else { return all };
        token = format!("&continuation-token={next}");
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_bytes_whatever_the_size_of_the_page() {
    let keys = ["B", "a", "a!", "a/b", "a0", "z", "%C3%BC"];
    let s3 = with_keys(&keys).await;
    let expected = ["B", "a", "a!", "a/b", "a0", "z", "ü"];

    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(
            pages(&s3, &format!("max-keys={size}")).await,
            expected,
            "pages of {size}"
        );
    }
    assert_eq!(
        pages(&s3, "prefix=a&max-keys=2").await,
        ["a", "a!", "a/b", "a0"]
    );
    assert_eq!(pages(&s3, "start-after=a/b").await, ["a0", "z", "ü"]);
    assert!(pages(&s3, "max-keys=0").await.is_empty());
}

#[tokio::test]
async fn keys_are_rolled_up_once_whatever_the_size_of_the_page() {
    let s3 = with_keys(&["a/1", "a/2", "b", "c/1/x", "c/1/y", "c/2", "d"]).await;

    for size in [1, 2, 1000] {
        let mut all = pages(&s3, &format!("delimiter=/&max-keys={size}")).await;
        all.sort();
        assert_eq!(all, ["a/", "b", "c/", "d"], "pages of {size}");
        let mut below = pages(&s3, &format!("delimiter=/&prefix=c/&max-keys={size}")).await;
        below.sort();
        assert_eq!(below, ["c/1/", "c/2"], "pages of {size}");
    }
}

#[tokio::test]
async fn a_common_prefix_of_more_keys_than_a_page_of_the_store_is_skipped_over() {
    let s3 = with_keys(&[]).await;
    let keys: Vec<String> = (0..520).map(|n| format!("/bkt/many/{n:04}")).collect();
    for key in &keys {
        s3.put(key, "").await.ok();
    }
    s3.put("/bkt/tail", "").await.ok();

    assert_eq!(pages(&s3, "delimiter=/").await, ["tail", "many/"]);
    assert_eq!(pages(&s3, "prefix=many/").await.len(), 520);
}

#[tokio::test]
async fn the_first_version_of_the_operation_goes_on_behind_a_marker() {
    let s3 = with_keys(&["a/1", "a/2", "b", "c"]).await;

    let first = s3.get("/bkt?delimiter=/&max-keys=1").await.ok();
    assert_eq!(first.elements("IsTruncated"), ["true"]);
    assert_eq!(first.elements("NextMarker"), ["a/"]);
    let second = s3.get("/bkt?delimiter=/&marker=a/").await.ok();
    assert_eq!(second.elements("Key"), ["b", "c"]);
    assert!(second.elements("CommonPrefixes").is_empty());
}

#[tokio::test]
async fn keys_that_xml_cannot_carry_are_escaped_on_demand() {
    let s3 = with_keys(&["a%01%26b%20c"]).await;

    let listed = s3.get("/bkt?list-type=2&encoding-type=url").await.ok();

    assert_eq!(listed.elements("Key"), ["a%01%26b+c"]);
    assert_eq!(listed.elements("EncodingType"), ["url"]);
    let unknown = s3.get("/bkt?list-type=2&encoding-type=hex").await;
    assert_eq!(unknown.code, "InvalidArgument");
}
