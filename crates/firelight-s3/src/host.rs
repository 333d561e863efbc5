//! Buckets named by the host of a request instead of its path.
//!
//! `<bucket>.s3.<domain>`, `<bucket>.s3.<region>.<domain>` and, below `localhost`, `<bucket>.localhost`.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Domains below which a single label is a bucket.
const LOCAL: [&str; 2] = [".localhost", ".localhost.localstack.cloud"];

pub(crate) struct BucketHost;

impl S3Host for BucketHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let whole = VirtualHost::new(name);
        Ok(match bucket_of(name) {
            Some(bucket) => whole.with_bucket(bucket),
            None => whole,
        })
    }
}

/// Returns the bucket that a host names.
pub fn bucket_of(host: &str) -> Option<&str> {
    let named = host
        .find(".s3.")
        .or_else(|| host.find(".s3-"))
        .map(|at| &host[..at]);
    if named.is_some() {
        return named.filter(|bucket| !bucket.is_empty());
    }
    let local = LOCAL
        .iter()
        .filter_map(|domain| host.strip_suffix(domain))
        .min_by_key(|rest| rest.len())?;
    let is_service = local == "s3" || local.starts_with("s3.") || local.starts_with("s3-");
    (!is_service && !local.is_empty()).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets_in_every_style_of_the_tools() {
        let cases = [
            ("b.s3.localhost", Some("b")),
            (
                "my.site.s3.us-east-1.localhost.localstack.cloud",
                Some("my.site"),
            ),
            ("b.s3.eu-west-1.amazonaws.com", Some("b")),
            ("b.s3-eu-west-1.amazonaws.com", Some("b")),
            ("b.localhost", Some("b")),
            ("s3.localhost", None),
            ("s3.us-east-1.localhost", None),
            ("localhost", None),
            ("s3.amazonaws.com", None),
            ("firelight.example.com", None),
        ];
        for (host, bucket) in cases {
            assert_eq!(bucket_of(host), bucket, "{host}");
        }
    }
}
