//! Records and dead letters on their way to other services: each call is signed, and each answer is understood.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use firelight_api::deliver::{
    EndpointAddress, RoleCredentials, ServiceEndpoint, ServiceEndpoints, SignedBy, SignedDeliveries,
};
use firelight_api::sigv4::{Claim, Payload, SigningCredentials, SigningTime};
use firelight_events::{
    Deliver, DeliverError, Delivery, DeliveryKind, MessageAttribute, ServiceRequest,
};
use firelight_model::FunctionArn;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const SECRET: &str = "only-the-endpoint-knows";
const TOKEN: &str = "a-session";

/// A service that checks each signature and then answers by its script; when that is over, with success.
struct Service {
    address: SocketAddr,
    script: Mutex<VecDeque<(u16, &'static str)>>,
    taken: Mutex<Vec<(Parts, Claim, String)>>,
}

impl Service {
    async fn start(script: impl IntoIterator<Item = (u16, &'static str)>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            script: Mutex::new(script.into_iter().collect()),
            taken: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&service).accept(listener));
        service
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = Arc::clone(&self);
            let answer = service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(service.answer(request).await) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let claim = match genuine(&head, &body) {
            Ok(claim) => claim,
            Err(reason) => return answer(403, reason),
        };
        let step = self.script.lock().unwrap().pop_front();
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.taken.lock().unwrap().push((head, claim, body));
        let (status, text) = step.unwrap_or((200, "{}"));
        answer(status, text.to_owned())
    }

    fn endpoint(&self, signed_by: SignedBy) -> ServiceEndpoint {
        ServiceEndpoint {
            address: format!("http://{}", self.address).parse().unwrap(),
            signed_by,
        }
    }
}

fn answer(status: u16, body: String) -> Response<Full<Bytes>> {
    let answer = Response::builder().status(status);
    answer.body(Full::new(body.into())).unwrap()
}

fn genuine(head: &Parts, body: &Bytes) -> Result<Claim, String> {
    let claim = Claim::read(head).map_err(|error| error.to_string())?;
    let claim = claim.ok_or("not signed")?;
    let now = SigningTime::from_timestamp(jiff::Timestamp::now());
    claim.check_time(now).map_err(|error| error.to_string())?;
    claim
        .verify(head, Payload::Bytes(body), SECRET)
        .map_err(|error| error.to_string())?;
    Ok(claim)
}

fn key(secret: &str) -> SigningCredentials {
    SigningCredentials {
        access_key_id: "AKIDOPERATOR".to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: None,
    }
}

fn function() -> FunctionArn {
    FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "111122223333".parse().unwrap(),
        name: "f".parse().unwrap(),
    }
}

fn delivery(request: ServiceRequest) -> Delivery {
    Delivery {
        function: function(),
        request_id: "07070707-0707-4707-8707-070707070707".to_owned(),
        kind: DeliveryKind::Record,
        request,
    }
}

fn to_queue() -> Delivery {
    delivery(ServiceRequest::SendMessage {
        queue_arn: "arn:aws:sqs:eu-west-1:111122223333:q".to_owned(),
        body: "{\"condition\":\"ü\"}".to_owned(),
        attributes: vec![MessageAttribute {
            name: "ErrorCode".to_owned(),
            data_type: "Number".to_owned(),
            value: "200".to_owned(),
        }],
        trace: Some("Root=1-2-3;Lineage=a:1".to_owned()),
    })
}

fn to_topic() -> Delivery {
    delivery(ServiceRequest::Publish {
        topic_arn: "arn:aws:sns:eu-west-1:111122223333:t".to_owned(),
        message: "a b+c&d=e".to_owned(),
        attributes: Vec::new(),
        trace: None,
    })
}

fn to_bus() -> Delivery {
    delivery(ServiceRequest::PutEvents {
        event_bus_arn: "arn:aws:events:eu-west-1:111122223333:event-bus/b".to_owned(),
        source: "lambda".to_owned(),
        detail_type: "Lambda Function Invocation Result - Success".to_owned(),
        resources: Vec::new(),
        detail: "{}".to_owned(),
        trace: None,
    })
}

fn to_bucket() -> Delivery {
    delivery(ServiceRequest::PutObject {
        bucket: "b".to_owned(),
        key: "aws/lambda/async/f/2026/11/23/2026-11-23T10.00.00-x".to_owned(),
        body: "{}".to_owned(),
        trace: None,
    })
}

fn no_role() -> RoleCredentials {
    Arc::new(|_| None)
}

/// Everything goes to one place, signed by the operator's key.
fn all_to(service: &Service, secret: &str) -> SignedDeliveries {
    let endpoint = Some(service.endpoint(SignedBy::Key(key(secret))));
    let endpoints = ServiceEndpoints {
        sqs: endpoint.clone(),
        sns: endpoint.clone(),
        events: endpoint.clone(),
        s3: endpoint,
    };
    SignedDeliveries::new(endpoints, no_role()).unwrap()
}

#[tokio::test]
async fn every_kind_of_call_is_signed_for_its_service_in_the_region_of_its_target() {
    let service = Service::start([]).await;
    let deliveries = all_to(&service, SECRET);

    for delivery in [to_queue(), to_topic(), to_bus(), to_bucket()] {
        deliveries.deliver(&delivery).await.unwrap();
    }

    let taken = service.taken.lock().unwrap();
    let scopes = taken.iter().map(|(_, claim, _)| {
        let scope = &claim.scope;
        (scope.service.as_str(), scope.region.as_str())
    });
    let expected = [
        ("sqs", "eu-west-1"),
        ("sns", "eu-west-1"),
        ("events", "eu-west-1"),
        ("s3", "us-east-1"),
    ];
    assert_eq!(scopes.collect::<Vec<_>>(), expected);
    assert_eq!(
        taken[0].0.headers["x-amzn-trace-id"],
        "Root=1-2-3;Lineage=a:1"
    );
    assert_eq!(
        taken[3].0.uri.path(),
        "/b/aws/lambda/async/f/2026/11/23/2026-11-23T10.00.00-x"
    );
}

#[tokio::test]
async fn a_call_signed_with_another_secret_is_refused_for_good() {
    let service = Service::start([]).await;
    let deliveries = all_to(&service, "a wrong one");

    let outcome = deliveries.deliver(&to_queue()).await;

    let Err(DeliverError::Refused { reason }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("signature does not match"), "{reason}");
    assert!(service.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn at_our_own_endpoint_the_functions_role_signs_with_a_session() {
    let service = Service::start([]).await;
    let endpoints = ServiceEndpoints {
        s3: Some(service.endpoint(SignedBy::ExecutionRole)),
        ..ServiceEndpoints::default()
    };
    let roles: RoleCredentials = Arc::new(|wanted| {
        (*wanted == function()).then(|| SigningCredentials {
            session_token: Some(TOKEN.to_owned()),
            ..key(SECRET)
        })
    });
    let deliveries = SignedDeliveries::new(endpoints, roles).unwrap();

    deliveries.deliver(&to_bucket()).await.unwrap();
    let mut of_another = to_bucket();
    of_another.function.name = "deleted".parse().unwrap();
    let outcome = deliveries.deliver(&of_another).await;

    let taken = service.taken.lock().unwrap();
    assert_eq!(taken[0].1.session_token.as_deref(), Some(TOKEN));
    assert!(
        matches!(outcome, Err(DeliverError::Refused { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_service_that_is_busy_or_broken_is_tried_again_and_one_that_says_no_is_not() {
    let service = Service::start([
        (503, "overloaded"),
        (
            400,
            r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}"#,
        ),
        (
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}"#,
        ),
    ])
    .await;
    let deliveries = all_to(&service, SECRET);

    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(deliveries.deliver(&to_queue()).await);
    }

    assert!(
        matches!(outcomes[0], Err(DeliverError::Unavailable { .. })),
        "{outcomes:?}"
    );
    assert!(
        matches!(outcomes[1], Err(DeliverError::Unavailable { .. })),
        "{outcomes:?}"
    );
    let refused = DeliverError::Refused {
        reason: "QueueDoesNotExist: no queue".to_owned(),
    };
    assert_eq!(outcomes[2], Err(refused));
    assert_eq!(outcomes[3], Ok(()));
}

#[tokio::test]
async fn a_service_that_nobody_configured_or_that_does_not_answer_is_away() {
    let nobody: EndpointAddress = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        format!("http://{address}").parse().unwrap()
    };
    let endpoints = ServiceEndpoints {
        sqs: Some(ServiceEndpoint {
            address: nobody,
            signed_by: SignedBy::Key(key(SECRET)),
        }),
        ..ServiceEndpoints::default()
    };
    let deliveries = SignedDeliveries::new(endpoints, no_role()).unwrap();

    let silent = deliveries.deliver(&to_queue()).await;
    let unknown = deliveries.deliver(&to_topic()).await;

    let reason = |outcome| match outcome {
        Err(DeliverError::Unavailable { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason(silent).contains("refused"), "the cause is told");
    assert_eq!(
        reason(unknown),
        "no endpoint is configured for sns: set endpoints.sns"
    );
}
