//! From a [`ServiceRequest`] to the HTTP request that each service understands. Pure.
//!
//! SQS and EventBridge speak JSON, SNS the query protocol, S3 its own.

use ::http::header::CONTENT_TYPE;
use ::http::request::Parts;
use ::http::{HeaderName, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use firelight_events::{Delivery, MessageAttribute, ServiceRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::EndpointAddress;

const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// A call before it has an address and a signature.
#[derive(Debug)]
pub(super) struct ServiceCall {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: String,
}

impl ServiceCall {
    pub(super) fn of(delivery: &Delivery, address: &EndpointAddress) -> Self {
        let mut call = match &delivery.request {
            ServiceRequest::SendMessage { .. } => send_message(delivery, address),
            ServiceRequest::Publish { .. } => publish(delivery),
            ServiceRequest::PutEvents { .. } => put_events(&delivery.request),
            ServiceRequest::PutObject {
                bucket, key, body, ..
            } => put_object(bucket, key, body),
        };
        if let Some(trace) = delivery.request.trace() {
            call.headers.push((X_AMZN_TRACE_ID, trace.to_owned()));
        }
        call
    }

    /// Makes the request; fails where a configured name cannot stand in a URL or a header.
    pub(super) fn into_request(
        self,
        address: &EndpointAddress,
    ) -> Result<(Parts, Bytes), ::http::Error> {
        let uri = Uri::builder()
            .scheme(address.scheme.clone())
            .authority(address.authority.clone())
            .path_and_query(self.path)
            .build()?;
        let mut request = Request::builder().method(self.method).uri(uri).body(())?;
        for (name, value) in self.headers {
            request
                .headers_mut()
                .insert(name, HeaderValue::try_from(value)?);
        }
        Ok((request.into_parts().0, self.body.into()))
    }

    fn post(content_type: &str, target: Option<&str>, body: String) -> Self {
        let mut headers = vec![(CONTENT_TYPE, content_type.to_owned())];
        headers.extend(target.map(|target| (X_AMZ_TARGET, target.to_owned())));
        Self {
            method: Method::POST,
            path: "/".to_owned(),
            headers,
            body,
        }
    }
}

/// Returns the region that a delivery is signed for: that of its target's ARN, or the function's if it names none.
pub(super) fn region(delivery: &Delivery) -> &str {
    let of_target = delivery.request.target().split(':').nth(3);
    of_target
        .filter(|region| !region.is_empty())
        .unwrap_or(delivery.function.region.as_str())
}

fn send_message(delivery: &Delivery, address: &EndpointAddress) -> ServiceCall {
    let ServiceRequest::SendMessage {
        queue_arn,
        body,
        attributes,
        trace,
    } = &delivery.request
    else {
        unreachable!("the caller matched it")
    };
    let mut message = Map::new();
    message.insert("QueueUrl".into(), queue_url(queue_arn, address).into());
    message.insert("MessageBody".into(), body.as_str().into());
    if !attributes.is_empty() {
        let attributes = attributes.iter().map(json_attribute).collect();
        message.insert("MessageAttributes".into(), Value::Object(attributes));
    }
    if let Some(trace) = trace {
        let header = json!({ "DataType": "String", "StringValue": trace });
        message.insert(
            "MessageSystemAttributes".into(),
            json!({ "AWSTraceHeader": header }),
        );
    }
    if let Some(order) = Order::of(queue_arn, delivery) {
        message.insert("MessageGroupId".into(), order.group.into());
        message.insert("MessageDeduplicationId".into(), order.message.into());
    }
    ServiceCall::post(
        "application/x-amz-json-1.0",
        Some("AmazonSQS.SendMessage"),
        Value::Object(message).to_string(),
    )
}

/// `http://host/ACCOUNT/NAME`, which servers read from the end.
fn queue_url(queue_arn: &str, address: &EndpointAddress) -> String {
    let mut parts = queue_arn.splitn(6, ':').skip(4);
    let (account, name) = (parts.next(), parts.next());
    format!(
        "{address}/{}/{}",
        account.unwrap_or_default(),
        name.unwrap_or_default()
    )
}

fn json_attribute(attribute: &MessageAttribute) -> (String, Value) {
    let value = json!({ "DataType": attribute.data_type, "StringValue": attribute.value });
    (attribute.name.clone(), value)
}

fn publish(delivery: &Delivery) -> ServiceCall {
    let ServiceRequest::Publish {
        topic_arn,
        message,
        attributes,
        ..
    } = &delivery.request
    else {
        unreachable!("the caller matched it")
    };
    let mut form = Form::new("Publish", "2010-03-31");
    form.add("TopicArn", topic_arn);
    form.add("Message", message);
    for (at, attribute) in (1..).zip(attributes) {
        let entry = format!("MessageAttributes.entry.{at}");
        form.add(&format!("{entry}.Name"), &attribute.name);
        form.add(&format!("{entry}.Value.DataType"), &attribute.data_type);
        form.add(&format!("{entry}.Value.StringValue"), &attribute.value);
    }
    if let Some(order) = Order::of(topic_arn, delivery) {
        form.add("MessageGroupId", order.group);
        form.add("MessageDeduplicationId", order.message);
    }
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    ServiceCall::post(content_type, None, form.text)
}

/// What a FIFO queue or topic wants to know: the events of one function are a group, and a repetition is none.
struct Order<'a> {
    group: &'a str,
    message: &'a str,
}

impl<'a> Order<'a> {
    fn of(target: &str, delivery: &'a Delivery) -> Option<Self> {
        target.ends_with(".fifo").then(|| Self {
            group: delivery.function.name.as_str(),
            message: &delivery.request_id,
        })
    }
}

fn put_events(request: &ServiceRequest) -> ServiceCall {
    let ServiceRequest::PutEvents {
        event_bus_arn,
        source,
        detail_type,
        resources,
        detail,
        trace,
    } = request
    else {
        unreachable!("the caller matched it")
    };
    let mut entry = json!({
        "Source": source,
        "DetailType": detail_type,
        "Resources": resources,
        "Detail": detail,
        "EventBusName": event_bus_arn,
    });
    if let Some(trace) = trace {
        entry["TraceHeader"] = trace.as_str().into();
    }
    ServiceCall::post(
        "application/x-amz-json-1.1",
        Some("AWSEvents.PutEvents"),
        json!({ "Entries": [entry] }).to_string(),
    )
}

fn put_object(bucket: &str, key: &str, body: &str) -> ServiceCall {
    ServiceCall {
        method: Method::PUT,
        path: format!(
            "/{}/{}",
            utf8_percent_encode(bucket, ESCAPED),
            utf8_percent_encode(key, ESCAPED_IN_PATH)
        ),
        headers: vec![(CONTENT_TYPE, "application/json".to_owned())],
        body: body.to_owned(),
    }
}

/// The body of the query protocol.
struct Form {
    text: String,
}

impl Form {
    fn new(action: &str, version: &str) -> Self {
        Self {
            text: format!("Action={action}&Version={version}"),
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        self.text.push('&');
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ESCAPED));
    }
}

#[cfg(test)]
mod tests {
    use firelight_events::DeliveryKind;
    use firelight_model::FunctionArn;

    use super::*;

    const ID: &str = "07070707-0707-4707-8707-070707070707";

    fn delivery(request: ServiceRequest) -> Delivery {
        Delivery {
            function: FunctionArn {
                region: "us-east-1".parse().unwrap(),
                account: "000000000000".parse().unwrap(),
                name: "f".parse().unwrap(),
            },
            request_id: ID.to_owned(),
            kind: DeliveryKind::DeadLetter,
            request,
        }
    }

    fn attribute() -> MessageAttribute {
        MessageAttribute {
            name: "ErrorCode".to_owned(),
            data_type: "Number".to_owned(),
            value: "200".to_owned(),
        }
    }

    fn made(delivery: &Delivery) -> (Parts, String) {
        let address = "http://127.0.0.1:9324".parse().unwrap();
        let call = ServiceCall::of(delivery, &address);
        let (head, body) = call.into_request(&address).unwrap();
        (head, String::from_utf8(body.to_vec()).unwrap())
    }

    fn header<'a>(head: &'a Parts, name: &str) -> &'a str {
        head.headers[name].to_str().unwrap()
    }

    #[test]
    fn a_queue_gets_a_message_with_attributes_and_the_trace_header() {
        let delivery = delivery(ServiceRequest::SendMessage {
            queue_arn: "arn:aws:sqs:eu-west-1:111122223333:q".to_owned(),
            body: "{\"a\":1}".to_owned(),
            attributes: vec![attribute()],
            trace: Some("Root=1-2-3".to_owned()),
        });

        let (head, body) = made(&delivery);

        assert_eq!(region(&delivery), "eu-west-1");
        assert_eq!(header(&head, "x-amz-target"), "AmazonSQS.SendMessage");
        assert_eq!(header(&head, "x-amzn-trace-id"), "Root=1-2-3");
        let expected = json!({
            "QueueUrl": "http://127.0.0.1:9324/111122223333/q",
            "MessageBody": "{\"a\":1}",
            "MessageAttributes": { "ErrorCode": { "DataType": "Number", "StringValue": "200" } },
            "MessageSystemAttributes": {
                "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-2-3" },
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn a_fifo_queue_gets_each_event_once_in_the_group_of_its_function() {
        let (_, body) = made(&delivery(ServiceRequest::SendMessage {
            queue_arn: "arn:aws:sqs:eu-west-1:111122223333:q.fifo".to_owned(),
            body: "{}".to_owned(),
            attributes: Vec::new(),
            trace: None,
        }));

        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["MessageGroupId"], "f");
        assert_eq!(body["MessageDeduplicationId"], ID);
        assert_eq!(body.get("MessageAttributes"), None);
    }

    #[test]
    fn a_topic_gets_a_form_in_which_every_special_character_is_escaped() {
        let (head, body) = made(&delivery(ServiceRequest::Publish {
            topic_arn: "arn:aws:sns:eu-west-1:111122223333:t".to_owned(),
            message: "a b&c=ü".to_owned(),
            attributes: vec![attribute()],
            trace: None,
        }));

        assert!(header(&head, "content-type").starts_with("application/x-www-form-urlencoded"));
        assert_eq!(
            body,
            concat!(
                "Action=Publish&Version=2010-03-31",
                "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A111122223333%3At",
                "&Message=a%20b%26c%3D%C3%BC",
                "&MessageAttributes.entry.1.Name=ErrorCode",
                "&MessageAttributes.entry.1.Value.DataType=Number",
                "&MessageAttributes.entry.1.Value.StringValue=200",
            )
        );
    }

    #[test]
    fn an_event_bus_gets_one_entry() {
        let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/b";
        let (head, body) = made(&delivery(ServiceRequest::PutEvents {
            event_bus_arn: bus.to_owned(),
            source: "lambda".to_owned(),
            detail_type: "Lambda Function Invocation Result - Success".to_owned(),
            resources: vec![bus.to_owned()],
            detail: "{}".to_owned(),
            trace: None,
        }));

        assert_eq!(header(&head, "x-amz-target"), "AWSEvents.PutEvents");
        let expected = json!({ "Entries": [{
            "Source": "lambda",
            "DetailType": "Lambda Function Invocation Result - Success",
            "Resources": [bus],
            "Detail": "{}",
            "EventBusName": bus,
        }]});
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn an_object_is_put_under_its_key_and_signed_for_the_functions_region() {
        let delivery = delivery(ServiceRequest::PutObject {
            bucket: "b".to_owned(),
            key: "aws/lambda/async/f/x y".to_owned(),
            body: "{}".to_owned(),
            trace: None,
        });

        let (head, body) = made(&delivery);

        assert_eq!((head.method, body.as_str()), (Method::PUT, "{}"));
        assert_eq!(head.uri, "http://127.0.0.1:9324/b/aws/lambda/async/f/x%20y");
        assert_eq!(region(&delivery), "us-east-1");
    }
}
