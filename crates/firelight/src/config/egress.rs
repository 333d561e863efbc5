//! What functions reach on the network, and where their own addresses are taken from.

use firelight_sandbox_linux::{EgressRules, Ipv4Network};

use super::layers::Sourced;
use super::resolve::{invalid, parsed};
use super::{ConfigError, Layers};

const EXPECTED: &str = "a list of networks like 10.1.0.0/16, 192.168.1.7";

/// The rules of the way out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressConfig {
    /// Where a network of our own is looked for.
    pub networks: Vec<Ipv4Network>,
    /// For every function.
    pub rules: EgressRules,
    /// On top of that, for functions with a tag.
    pub tags: Vec<TagPolicy>,
    /// Whether functions reach the API of this daemon.
    pub api: bool,
}

/// Rules for the functions that carry a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPolicy {
    /// `key=value`, or `key` for any value.
    pub tag: String,
    pub rules: EgressRules,
}

impl EgressConfig {
    pub(super) fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            networks: ranges(layers)?,
            rules: EgressRules {
                allow: networks_of(layers, "egress.allow")?,
                deny: networks_of(layers, "egress.deny")?,
            },
            tags: tags(layers)?,
            api: parsed(layers, "egress.api", "true or false")?,
        })
    }
}

impl TagPolicy {
    /// Tells whether a function with this tag is meant.
    pub fn matches(&self, key: &str, value: &str) -> bool {
        match self.tag.split_once('=') {
            Some((tag_key, tag_value)) => tag_key == key && tag_value == value,
            None => self.tag == key,
        }
    }
}

/// Ranges that hold networks of 65,536 addresses, and not half of all there are.
fn ranges(layers: &Layers) -> Result<Vec<Ipv4Network>, ConfigError> {
    const KEY: &str = "egress.networks";
    let ranges = networks_of(layers, KEY)?;
    match layers.get(KEY) {
        Some(sourced)
            if ranges
                .iter()
                .any(|range| !(8..=16).contains(&range.prefix())) =>
        {
            let expected = "a list of networks with prefixes from 8 to 16, like 198.18.0.0/15";
            Err(invalid(KEY, sourced, expected))
        }
        _ => Ok(ranges),
    }
}

fn networks_of(layers: &Layers, key: &str) -> Result<Vec<Ipv4Network>, ConfigError> {
    match layers.get(key) {
        Some(sourced) => networks(key, sourced),
        None => Ok(Vec::new()),
    }
}

fn networks(key: &str, sourced: &Sourced) -> Result<Vec<Ipv4Network>, ConfigError> {
    let items = sourced.value.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(|item| item.parse().map_err(|_| invalid(key, sourced, EXPECTED)))
        .collect()
}

/// In the order of their names, which is also the order in which a function's own are looked for.
fn tags(layers: &Layers) -> Result<Vec<TagPolicy>, ConfigError> {
    let mut policies: Vec<TagPolicy> = Vec::new();
    for (tag, list, sourced) in layers.egress_tags() {
        let found = networks(&format!("egress.tags.{tag}.{list}"), sourced)?;
        let at = match policies.iter().position(|policy| policy.tag == tag) {
            Some(at) => at,
            None => {
                policies.push(TagPolicy {
                    tag: tag.to_owned(),
                    rules: EgressRules::default(),
                });
                policies.len() - 1
            }
        };
        match list {
            "allow" => policies[at].rules.allow = found,
            _ => policies[at].rules.deny = found,
        }
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<EgressConfig, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("firelight.toml");
        std::fs::write(&path, text).unwrap();
        let home = [("HOME".to_owned(), "/h".to_owned())].into();
        EgressConfig::resolve(&Layers::read(Some(&path), home, Vec::new()).unwrap())
    }

    #[test]
    fn nothing_set_means_the_internet_and_our_own_api() {
        let egress = resolve("").unwrap();

        assert_eq!(egress.rules, EgressRules::default());
        assert!(egress.api && egress.tags.is_empty());
        assert_eq!(egress.networks[0].to_string(), "198.18.0.0/15");
    }

    #[test]
    fn both_lists_of_a_tag_make_one_policy() {
        let egress = resolve(
            "[egress.tags.'team=a.b']\nallow = ['10.1.0.0/16']\ndeny = '0.0.0.0/0'\n[egress.tags.lab]\nallow = '192.168.1.7'\n",
        );

        let tags = egress.unwrap().tags;
        assert_eq!(tags.len(), 2);
        assert_eq!(
            (tags[0].tag.as_str(), tags[1].tag.as_str()),
            ("lab", "team=a.b")
        );
        assert_eq!(tags[1].rules.allow[0].to_string(), "10.1.0.0/16");
        assert_eq!(tags[1].rules.deny[0].to_string(), "0.0.0.0/0");
        assert!(tags[1].matches("team", "a.b") && !tags[1].matches("team", "b"));
        assert!(tags[0].matches("lab", "anything"));
    }

    #[test]
    fn a_range_too_small_for_the_sandboxes_is_refused() {
        assert!(resolve("[egress]\nnetworks = '10.9.0.0/24'\n").is_err());
        assert!(resolve("[egress]\nnetworks = '10.9.0.0/16'\n").is_ok());
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_key() {
        let error = resolve("[egress]\ndeny = '10.0.0.0/33'\n").unwrap_err();

        assert!(error.to_string().starts_with("egress.deny is"), "{error}");
    }
}
