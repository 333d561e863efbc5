//! Where records and dead letters go, and whose key signs there.

use firelight_api::deliver::EndpointAddress;
use firelight_api::sigv4::SigningCredentials;

use super::layers::{Source, Sourced};
use super::resolve::invalid;
use super::{ConfigError, Layers, Mode};

/// What is meant by this daemon's own endpoint, wherever it listens.
const SELF: &str = "self";

/// The endpoints of other services.
#[derive(Clone)]
pub struct EndpointsConfig {
    pub sqs: Option<Place>,
    pub sns: Option<Place>,
    pub events: Option<Place>,
    pub s3: Option<Place>,
}

/// Where one service is.
#[derive(Clone)]
pub enum Place {
    /// At this daemon, where the functions' roles sign.
    Own,
    /// Elsewhere, where the operator's key signs.
    At(EndpointAddress, SigningCredentials),
}

impl EndpointsConfig {
    pub(super) fn resolve(layers: &Layers, mode: Mode) -> Result<Self, ConfigError> {
        Ok(Self {
            sqs: place(layers, mode, "sqs")?,
            sns: place(layers, mode, "sns")?,
            events: place(layers, mode, "events")?,
            s3: place(layers, mode, "s3")?,
        })
    }
}

fn place(layers: &Layers, mode: Mode, service: &'static str) -> Result<Option<Place>, ConfigError> {
    let key = format!("endpoints.{service}");
    let Some(sourced) = layers.get(&key).filter(|sourced| !sourced.value.is_empty()) else {
        return Ok(None);
    };
    if sourced.value == SELF {
        return Ok(Some(Place::Own));
    }
    let address = sourced.value.parse().map_err(|_| {
        let expected = "self, or an address like http://127.0.0.1:9324";
        invalid(&key, sourced, expected)
    })?;
    let credentials = credentials(layers, mode).ok_or(ConfigError::NoSigningKey { service })?;
    Ok(Some(Place::At(address, credentials)))
}

/// A developer's stand-in for AWS takes any key; an operator says which one it is.
fn credentials(layers: &Layers, mode: Mode) -> Option<SigningCredentials> {
    let set = |key| layers.get(key).filter(|sourced| !sourced.value.is_empty());
    let (id, secret) = match (
        set("endpoints.access_key_id"),
        set("endpoints.secret_access_key"),
    ) {
        (Some(id), Some(secret)) => (id, secret),
        _ if mode == Mode::Dev => return Some(of_developer()),
        _ => return None,
    };
    // The session of the environment's key says nothing about another one.
    let session =
        set("endpoints.session_token").filter(|session| is_borrowed(session) == is_borrowed(id));
    Some(SigningCredentials {
        access_key_id: id.value.clone(),
        secret_access_key: secret.value.clone(),
        session_token: session.map(|session| session.value.clone()),
    })
}

fn is_borrowed(sourced: &Sourced) -> bool {
    matches!(&sourced.source, Source::Variable(name) if name.starts_with("AWS_"))
}

fn of_developer() -> SigningCredentials {
    SigningCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test".to_owned(),
        session_token: None,
    }
}

impl std::fmt::Debug for EndpointsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |place: &Option<Place>| match place {
            None => "none".to_owned(),
            Some(Place::Own) => SELF.to_owned(),
            Some(Place::At(address, _)) => address.to_string(),
        };
        f.debug_struct("EndpointsConfig")
            .field("sqs", &shown(&self.sqs))
            .field("sns", &shown(&self.sns))
            .field("events", &shown(&self.events))
            .field("s3", &shown(&self.s3))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)], mode: Mode) -> Result<EndpointsConfig, ConfigError> {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain([("HOME".to_owned(), "/h".to_owned())])
            .collect();
        EndpointsConfig::resolve(&Layers::read(None, variables, Vec::new()).unwrap(), mode)
    }

    fn key_at(place: Option<Place>) -> SigningCredentials {
        match place {
            Some(Place::At(_, key)) => key,
            _ => panic!("not elsewhere"),
        }
    }

    const SQS: (&str, &str) = ("FIRELIGHT_ENDPOINTS_SQS", "http://127.0.0.1:9324");
    const ENVIRONMENT: [(&str, &str); 3] = [
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", "env"),
        ("AWS_SESSION_TOKEN", "session"),
    ];

    #[test]
    fn objects_go_to_ourselves_and_the_rest_nowhere_unless_told() {
        let endpoints = resolve(&[], Mode::Serve).unwrap();

        assert!(matches!(endpoints.s3, Some(Place::Own)));
        assert!(endpoints.sqs.is_none() && endpoints.sns.is_none() && endpoints.events.is_none());
    }

    #[test]
    fn an_operator_must_say_who_signs_elsewhere_and_a_developer_need_not() {
        let refused = resolve(&[SQS], Mode::Serve).unwrap_err();
        let accepted = resolve(&[SQS], Mode::Dev).unwrap();

        assert!(matches!(
            refused,
            ConfigError::NoSigningKey { service: "sqs" }
        ));
        assert_eq!(key_at(accepted.sqs).access_key_id, "test");
    }

    #[test]
    fn the_environments_key_signs_with_its_session_unless_another_key_is_set() {
        let [id, secret, token] = ENVIRONMENT;
        let of_environment = resolve(&[SQS, id, secret, token], Mode::Serve).unwrap();
        let own = [
            ("FIRELIGHT_ENDPOINTS_ACCESS_KEY_ID", "AKIDOWN"),
            ("FIRELIGHT_ENDPOINTS_SECRET_ACCESS_KEY", "own"),
        ];
        let [own_id, own_secret] = own;
        let of_file = resolve(&[SQS, id, secret, token, own_id, own_secret], Mode::Serve).unwrap();

        let key = key_at(of_environment.sqs);
        assert_eq!(key.access_key_id, "AKIDENV");
        assert_eq!(key.session_token.as_deref(), Some("session"));
        let key = key_at(of_file.sqs);
        assert_eq!(
            (key.access_key_id.as_str(), key.session_token),
            ("AKIDOWN", None)
        );
    }

    #[test]
    fn what_is_printed_of_it_has_no_key() {
        let [id, secret, token] = ENVIRONMENT;

        let endpoints = resolve(&[SQS, id, secret, token], Mode::Serve).unwrap();

        let text = format!("{endpoints:?}");
        assert!(
            text.contains("http://127.0.0.1:9324") && !text.contains("env\""),
            "{text}"
        );
    }
}
