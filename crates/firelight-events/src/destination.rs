//! Where records and dead letters go: the ARN of a function, queue, topic, event bus or bucket.

use firelight_model::{FunctionReference, FunctionTarget};

/// A target that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Function(FunctionTarget),
    Queue { arn: String },
    Topic { arn: String },
    EventBus { arn: String },
    Bucket { name: String },
}

/// The text is not the ARN of anything that records can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be delivered to {arn:?}")]
pub struct DestinationError {
    pub arn: String,
}

impl std::str::FromStr for Destination {
    type Err = DestinationError;

    fn from_str(arn: &str) -> Result<Self, Self::Err> {
        read(arn).ok_or_else(|| DestinationError {
            arn: arn.to_owned(),
        })
    }
}

fn read(arn: &str) -> Option<Destination> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _partition, service, _region, _account, resource] = parts[..] else {
        return None;
    };
    if resource.is_empty() {
        return None;
    }
    let arn = arn.to_owned();
    Some(match service {
        "lambda" => Destination::Function(function(&arn)?),
        "sqs" => Destination::Queue { arn },
        "sns" => Destination::Topic { arn },
        "events" => Destination::EventBus { arn },
        "s3" => Destination::Bucket {
            name: resource.to_owned(),
        },
        _ => return None,
    })
}

fn function(arn: &str) -> Option<FunctionTarget> {
    let reference: FunctionReference = arn.parse().ok()?;
    let region = reference.region.clone()?;
    let account = reference.account?;
    reference.locate(account, &region).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_target_is_told_by_its_arn() {
        let read = |arn: &str| arn.parse::<Destination>().unwrap();

        let arn = "arn:aws:lambda:eu-west-1:000000000000:function:next:live";
        let Destination::Function(target) = read(arn) else {
            panic!("not a function");
        };
        assert_eq!(target.arn.with(target.qualifier.as_ref()), arn);
        assert!(matches!(
            read("arn:aws:sqs:eu-west-1:000000000000:q"),
            Destination::Queue { .. }
        ));
        assert!(matches!(
            read("arn:aws:sns:eu-west-1:000000000000:t"),
            Destination::Topic { .. }
        ));
        assert!(matches!(
            read("arn:aws:events:eu-west-1:000000000000:event-bus/default"),
            Destination::EventBus { .. }
        ));
        let bucket = Destination::Bucket {
            name: "b".to_owned(),
        };
        assert_eq!(read("arn:aws:s3:::b"), bucket);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "q",
            "arn:aws:sqs:eu-west-1:000000000000:",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/s",
            "arn:aws:lambda:eu-west-1::function:a",
        ] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
