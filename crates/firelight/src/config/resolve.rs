//! From texts to checked values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use firelight_model::{AccountId, Region, RuntimeIdentifier};
use firelight_sandbox_linux::WALL_NAMES;

use super::layers::Sourced;
use super::{
    Authentication, ClientConfig, ConfigError, EgressConfig, EndpointsConfig, Layers, LimitsConfig,
    LogConfig, LogFormat, Mode, Network, SandboxConfig, ServerConfig, TracesConfig,
};

const ADDRESS: &str = "an address with a port, like 127.0.0.1:4566";

impl ServerConfig {
    /// Checks every value the daemon needs, and what the mode forbids.
    pub fn resolve(
        layers: &Layers,
        mode: Mode,
        port_file: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            mode,
            listen: listen(layers, mode)?,
            port_file,
            data_dir: data_dir(layers)?,
            user: layers.get("user").map(|sourced| sourced.value.clone()),
            account: account(layers)?,
            region: region(layers)?,
            authentication: authentication(layers, mode)?,
            runtimes: runtimes(layers)?,
            sandbox: SandboxConfig {
                accept_missing: accept_missing(layers)?,
                network: network(layers)?,
                max_environments: parsed(layers, "sandbox.max_environments", "a whole number")?,
                started_interpreters: parsed(
                    layers,
                    "sandbox.started_interpreters",
                    "a whole number",
                )?,
                idle: Duration::from_secs(parsed(layers, "sandbox.idle_s", "a number of seconds")?),
            },
            admin: admin(layers, mode)?,
            limits: LimitsConfig {
                concurrency: parsed(layers, "limits.concurrency", "a whole number")?,
                requests_per_environment: limit(layers, "limits.requests_per_environment")?,
                control_requests: limit(layers, "limits.control_requests")?,
                connections_per_address: limit(layers, "limits.connections_per_address")?,
                code_storage_bytes: code_storage_bytes(layers)?,
                inactive_after: inactive_after(layers)?,
            },
            egress: EgressConfig::resolve(layers)?,
            endpoints: EndpointsConfig::resolve(layers, mode)?,
            traces: TracesConfig::resolve(layers)?,
            log: LogConfig {
                filter: text(layers, "log.level"),
                format: log_format(layers)?,
            },
        })
    }
}

impl ClientConfig {
    /// Checks every value that a command needs to talk to a daemon.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            egress: EgressConfig::resolve(layers)?,
            endpoint: endpoint(layers)?,
            data_dir: data_dir(layers)?,
            account: account(layers)?,
            region: region(layers)?,
            runtimes: runtimes(layers)?,
        })
    }
}

fn listen(layers: &Layers, mode: Mode) -> Result<SocketAddr, ConfigError> {
    own_address(layers, "listen", mode)
}

fn admin(layers: &Layers, mode: Mode) -> Result<Option<SocketAddr>, ConfigError> {
    let key = "admin.listen";
    let set = layers.get(key).map(|_| own_address(layers, key, mode));
    set.transpose()
}

/// A developer's daemon is reached from the machine alone.
fn own_address(layers: &Layers, key: &'static str, mode: Mode) -> Result<SocketAddr, ConfigError> {
    let listen: SocketAddr = parsed(layers, key, ADDRESS)?;
    if mode == Mode::Dev && !listen.ip().is_loopback() {
        return Err(ConfigError::NotLoopback {
            listen,
            source_name: source(layers, key),
        });
    }
    Ok(listen)
}

fn authentication(layers: &Layers, mode: Mode) -> Result<Authentication, ConfigError> {
    let wanted = match layers.get("authentication") {
        None if mode == Mode::Dev => return Ok(Authentication::Any),
        None => return Ok(Authentication::Signature),
        Some(sourced) => choice(
            "authentication",
            sourced,
            &[
                ("any", Authentication::Any),
                ("signature", Authentication::Signature),
            ],
            "any or signature",
        )?,
    };
    if mode == Mode::Serve && wanted == Authentication::Any {
        return Err(ConfigError::Unauthenticated {
            source_name: source(layers, "authentication"),
        });
    }
    Ok(wanted)
}

fn network(layers: &Layers) -> Result<Network, ConfigError> {
    let names = [
        ("none", Network::None),
        ("internet", Network::Internet),
        ("host", Network::Host),
    ];
    set_choice(layers, "sandbox.network", &names, "none, internet or host")
}

/// Reads a limit, of which 0 is none.
fn limit(layers: &Layers, key: &'static str) -> Result<Option<u32>, ConfigError> {
    let limit = parsed(layers, key, "a whole number")?;
    Ok((limit > 0).then_some(limit))
}

fn code_storage_bytes(layers: &Layers) -> Result<u64, ConfigError> {
    let gb: u32 = parsed(layers, "limits.code_storage_gb", "a whole number")?;
    Ok(u64::from(gb) << 30)
}

fn inactive_after(layers: &Layers) -> Result<Option<Duration>, ConfigError> {
    let seconds = parsed(layers, "limits.inactive_after_s", "a number of seconds")?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

/// Each wall by its name: a word for all of them would also accept what nobody thought of.
fn accept_missing(layers: &Layers) -> Result<BTreeSet<&'static str>, ConfigError> {
    const KEY: &str = "sandbox.accept_missing";
    let Some(sourced) = layers.get(KEY) else {
        return Ok(BTreeSet::new());
    };
    let names = sourced.value.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let known = WALL_NAMES.iter().find(|known| **known == name);
            known.copied().ok_or_else(|| ConfigError::NoSuchWall {
                name: name.to_owned(),
                source_name: source(layers, KEY),
            })
        })
        .collect()
}

fn log_format(layers: &Layers) -> Result<LogFormat, ConfigError> {
    let names = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    set_choice(layers, "log.format", &names, "text or json")
}

fn runtimes(layers: &Layers) -> Result<BTreeMap<RuntimeIdentifier, PathBuf>, ConfigError> {
    layers
        .runtimes()
        .map(|(name, sourced)| runtime(name, sourced))
        .collect()
}

fn runtime(name: &str, sourced: &Sourced) -> Result<(RuntimeIdentifier, PathBuf), ConfigError> {
    let refused = |expected| invalid(&format!("runtimes.{name}"), sourced, expected);
    let identifier = name
        .parse()
        .map_err(|_| refused("set under a runtime identifier"))?;
    let path = PathBuf::from(&sourced.value);
    if !path.is_absolute() {
        return Err(refused("the absolute path of an interpreter"));
    }
    Ok((identifier, path))
}

fn data_dir(layers: &Layers) -> Result<PathBuf, ConfigError> {
    let sourced = layers.get("data_dir").ok_or(ConfigError::NoHome)?;
    std::path::absolute(&sourced.value)
        .map_err(|_| invalid("data_dir", sourced, "the path of a directory"))
}

fn account(layers: &Layers) -> Result<AccountId, ConfigError> {
    parsed(layers, "account", "twelve digits")
}

fn region(layers: &Layers) -> Result<Region, ConfigError> {
    parsed(layers, "region", "a region, like us-east-1")
}

fn endpoint(layers: &Layers) -> Result<String, ConfigError> {
    let Some(sourced) = layers.get("endpoint") else {
        return listen_as_endpoint(layers);
    };
    let plain = sourced.value.trim_end_matches('/');
    let authority = plain
        .strip_prefix("http://")
        .filter(|rest| !rest.is_empty());
    authority
        .filter(|rest| !rest.contains('/'))
        .map(|_| plain.to_owned())
        .ok_or_else(|| invalid("endpoint", sourced, "an address like http://127.0.0.1:4566"))
}

/// A daemon on every interface is reached through loopback.
fn listen_as_endpoint(layers: &Layers) -> Result<String, ConfigError> {
    let mut listen: SocketAddr = parsed(layers, "listen", ADDRESS)?;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(format!("http://{listen}"))
}

pub(super) fn parsed<T: std::str::FromStr>(
    layers: &Layers,
    key: &'static str,
    expected: &'static str,
) -> Result<T, ConfigError> {
    let sourced = set(layers, key);
    sourced
        .value
        .parse()
        .map_err(|_| invalid(key, sourced, expected))
}

fn set_choice<T: Copy>(
    layers: &Layers,
    key: &'static str,
    names: &[(&str, T)],
    expected: &'static str,
) -> Result<T, ConfigError> {
    choice(key, set(layers, key), names, expected)
}

fn choice<T: Copy>(
    key: &str,
    sourced: &Sourced,
    names: &[(&str, T)],
    expected: &'static str,
) -> Result<T, ConfigError> {
    names
        .iter()
        .find(|(name, _)| *name == sourced.value)
        .map(|(_, value)| *value)
        .ok_or_else(|| invalid(key, sourced, expected))
}

fn text(layers: &Layers, key: &'static str) -> String {
    set(layers, key).value.clone()
}

fn source(layers: &Layers, key: &'static str) -> String {
    set(layers, key).source.to_string()
}

fn set<'layers>(layers: &'layers Layers, key: &'static str) -> &'layers Sourced {
    layers
        .get(key)
        .expect("a setting that is read unconditionally has a default in the table")
}

pub(super) fn invalid(key: &str, sourced: &Sourced, expected: &'static str) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        value: sourced.value.clone(),
        source_name: sourced.source.to_string(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(pairs: &[(&str, &str)]) -> Layers {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain([("HOME".to_owned(), "/h".to_owned())])
            .collect();
        Layers::read(None, variables, Vec::new()).unwrap()
    }

    fn server(pairs: &[(&str, &str)], mode: Mode) -> Result<ServerConfig, ConfigError> {
        ServerConfig::resolve(&layers(pairs), mode, None)
    }

    #[test]
    fn a_newcomer_needs_no_setting() {
        let config = server(&[], Mode::Dev).unwrap();

        assert_eq!(config.listen.to_string(), "127.0.0.1:4566");
        assert_eq!(
            (config.account.as_str(), config.region.as_str()),
            ("000000000000", "us-east-1")
        );
        assert_eq!(config.authentication, Authentication::Any);
    }

    #[test]
    fn dev_refuses_to_listen_beyond_loopback() {
        let beyond = [("FIRELIGHT_LISTEN", "0.0.0.0:4566")];

        let error = server(&beyond, Mode::Dev).unwrap_err();

        assert!(matches!(error, ConfigError::NotLoopback { .. }), "{error}");
        assert!(server(&beyond, Mode::Serve).is_ok());
    }

    #[test]
    fn metrics_are_nowhere_unless_an_address_is_set() {
        let beyond = [("FIRELIGHT_ADMIN_LISTEN", "0.0.0.0:9464")];

        assert_eq!(server(&[], Mode::Serve).unwrap().admin, None);
        let set = server(&beyond, Mode::Serve).unwrap().admin;
        assert_eq!(set.unwrap().port(), 9464);
        let error = server(&beyond, Mode::Dev).unwrap_err();
        assert!(matches!(error, ConfigError::NotLoopback { .. }), "{error}");
    }

    #[test]
    fn serve_cannot_be_told_to_accept_any_credentials() {
        let any = [("FIRELIGHT_AUTHENTICATION", "any")];

        let error = server(&any, Mode::Serve).unwrap_err();

        assert!(
            matches!(error, ConfigError::Unauthenticated { .. }),
            "{error}"
        );
        assert_eq!(
            server(&[], Mode::Serve).unwrap().authentication,
            Authentication::Signature
        );
    }

    #[test]
    fn a_bad_value_says_who_set_it_and_what_is_wanted() {
        let error = server(&[("FIRELIGHT_ACCOUNT", "12")], Mode::Dev)
            .unwrap_err()
            .to_string();

        assert_eq!(
            error,
            "account is \"12\" (FIRELIGHT_ACCOUNT), but must be twelve digits"
        );
    }

    #[test]
    fn clients_find_a_daemon_on_every_interface_through_loopback() {
        let client = |pair| ClientConfig::resolve(&layers(&[pair])).unwrap().endpoint;

        assert_eq!(
            client(("FIRELIGHT_LISTEN", "0.0.0.0:80")),
            "http://127.0.0.1:80"
        );
        assert_eq!(client(("FIRELIGHT_LISTEN", "[::]:80")), "http://[::1]:80");
        assert_eq!(
            client(("FIRELIGHT_ENDPOINT", "http://box:1/")),
            "http://box:1"
        );
    }

    #[test]
    fn missing_walls_are_accepted_by_their_names_and_no_other_word() {
        let accepting = |names| server(&[("FIRELIGHT_SANDBOX_ACCEPT_MISSING", names)], Mode::Serve);

        let config = accepting("landlock, own-user").unwrap();
        let error = accepting("landlock, all").unwrap_err().to_string();

        let accepted: Vec<_> = config.sandbox.accept_missing.into_iter().collect();
        assert_eq!(accepted, ["landlock", "own-user"]);
        assert_eq!(
            error,
            "sandbox.accept_missing names \"all\", which is no wall \
             (FIRELIGHT_SANDBOX_ACCEPT_MISSING)"
        );
    }

    #[test]
    fn relative_interpreters_are_refused() {
        let error = server(&[("FIRELIGHT_RUNTIMES", "python3.12=python")], Mode::Dev).unwrap_err();

        assert!(
            error
                .to_string()
                .starts_with("runtimes.python3.12 is \"python\""),
            "{error}"
        );
    }
}
