//! What should be there, and what each call should answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::step::{On, Step};

/// What an account has, less what must stay unreserved.
const MOST: u32 = 900;

#[derive(Default)]
pub(super) struct Model {
    function: Option<Function>,
    /// Whether each version is shared; a version that was deleted is `None`.
    layers: Vec<Option<bool>>,
}

#[derive(Default)]
struct Function {
    /// The version that the alias leads to.
    alias: Option<u64>,
    reserved: Option<u32>,
    provisioned: BTreeMap<On, u32>,
    policies: BTreeMap<On, BTreeSet<u8>>,
    urls: BTreeMap<On, &'static str>,
    events: BTreeMap<On, (Option<u8>, Option<u16>)>,
    tags: BTreeMap<u8, u8>,
    layer: Option<u64>,
}

/// A status that is none of success.
type Refusal = u16;

impl Model {
    /// Makes the call and returns the status that it answers.
    pub(super) fn apply(&mut self, step: &Step) -> u16 {
        self.call(step).unwrap_or_else(|refusal| refusal)
    }

    fn call(&mut self, step: &Step) -> Result<u16, Refusal> {
        match *step {
            Step::Create if self.function.is_some() => Err(409),
            Step::Create => {
                self.function = Some(Function::default());
                Ok(201)
            }
            Step::Delete => self.function.take().map(|_| 204).ok_or(404),
            Step::PublishLayer => {
                self.layers.push(Some(false));
                Ok(201)
            }
            Step::DeleteLayer(version) => {
                if let Some(layer) = self.layer(version) {
                    *layer = None;
                }
                Ok(204)
            }
            Step::PermitLayer(version) => match self.layer(version) {
                Some(Some(true)) => Err(409),
                Some(Some(shared)) => {
                    *shared = true;
                    Ok(201)
                }
                _ => Err(404),
            },
            Step::UnpermitLayer(version) => match self.layer(version) {
                Some(Some(shared)) if *shared => {
                    *shared = false;
                    Ok(204)
                }
                _ => Err(404),
            },
            Step::Attach(version) => {
                let is_there =
                    version.is_none_or(|version| matches!(self.layer(version), Some(Some(_))));
                let function = self.function.as_mut().ok_or(404_u16)?;
                if !is_there {
                    return Err(400);
                }
                function.layer = version;
                Ok(200)
            }
            _ => self.function.as_mut().ok_or(404_u16)?.call(step),
        }
    }

    fn layer(&mut self, version: u64) -> Option<&mut Option<bool>> {
        self.layers.get_mut(usize::try_from(version).ok()? - 1)
    }

    /// Returns what the API should show.
    pub(super) fn shown(&self) -> Value {
        let layers: BTreeMap<_, _> = (1..)
            .zip(&self.layers)
            .filter_map(|(version, shared)| Some((version.to_string(), (*shared)?)))
            .collect();
        json!({"function": self.function.as_ref().map(Function::shown), "layers": layers})
    }
}

impl Function {
    fn call(&mut self, step: &Step) -> Result<u16, Refusal> {
        match *step {
            Step::CreateAlias if self.alias.is_some() => Err(409),
            Step::CreateAlias => {
                self.alias = Some(1);
                Ok(201)
            }
            Step::MoveAlias => {
                *self.alias.as_mut().ok_or(404_u16)? = 2;
                Ok(200)
            }
            Step::DeleteAlias => {
                self.alias = None;
                self.provisioned.remove(&On::Alias);
                self.policies.remove(&On::Alias);
                Ok(204)
            }
            Step::Reserve(count) => self.reserve(count),
            Step::Unreserve => {
                self.reserved = None;
                Ok(204)
            }
            Step::Provision(on, count) => self.provision(on, count),
            Step::Unprovision(on) => {
                self.check(on)?;
                self.provisioned.remove(&on).map(|_| 204).ok_or(404)
            }
            Step::Permit(on, sid) => {
                self.check(on)?;
                let is_new = self.policies.entry(on).or_default().insert(sid);
                if is_new { Ok(201) } else { Err(409) }
            }
            Step::Unpermit(on, sid) => {
                self.check(on)?;
                let was_there = self.policies.entry(on).or_default().remove(&sid);
                if was_there { Ok(204) } else { Err(404) }
            }
            Step::Tag(key, value) => {
                self.tags.insert(key, value);
                Ok(204)
            }
            Step::Untag(key) => {
                self.tags.remove(&key);
                Ok(204)
            }
            _ => self.front(step),
        }
    }

    /// URLs and event invoke configs: they stay when their alias goes.
    fn front(&mut self, step: &Step) -> Result<u16, Refusal> {
        match *step {
            Step::CreateUrl(on) => {
                self.check(on)?;
                match self.urls.insert(on, "NONE") {
                    None => Ok(201),
                    Some(old) => {
                        self.urls.insert(on, old);
                        Err(409)
                    }
                }
            }
            Step::UpdateUrl(on) => {
                *self.urls.get_mut(&on).ok_or(404_u16)? = "AWS_IAM";
                Ok(200)
            }
            Step::DeleteUrl(on) => self.urls.remove(&on).map(|_| 204).ok_or(404),
            Step::PutEvents(on, retries) => {
                self.check(on)?;
                self.events.insert(on, (Some(retries), None));
                Ok(200)
            }
            Step::UpdateEvents(on, age) => {
                self.check(on)?;
                self.events.get_mut(&on).ok_or(404_u16)?.1 = Some(age);
                Ok(200)
            }
            Step::DeleteEvents(on) => self.events.remove(&on).map(|_| 204).ok_or(404),
            _ => unreachable!("{step:?} is about no function"),
        }
    }

    fn check(&self, on: On) -> Result<(), Refusal> {
        if on == On::Alias && self.alias.is_none() {
            return Err(404);
        }
        Ok(())
    }

    fn reserve(&mut self, count: u32) -> Result<u16, Refusal> {
        let provisioned: u32 = self.provisioned.values().sum();
        if count < provisioned || count > MOST {
            return Err(400);
        }
        self.reserved = Some(count);
        Ok(200)
    }

    fn provision(&mut self, on: On, count: u32) -> Result<u16, Refusal> {
        self.check(on)?;
        let other = if on == On::One { On::Alias } else { On::One };
        let others = self.provisioned.get(&other).copied();
        if self.alias == Some(1) && others.is_some() {
            return Err(409);
        }
        if count + others.unwrap_or(0) > self.reserved.unwrap_or(MOST) {
            return Err(400);
        }
        self.provisioned.insert(on, count);
        Ok(202)
    }

    fn shown(&self) -> Value {
        let policies = self.policies.iter().filter(|(_, sids)| !sids.is_empty());
        let policies = policies.map(|(on, sids)| {
            let sids: Vec<_> = sids.iter().map(|sid| format!("s{sid}")).collect();
            (name(*on), json!(sids))
        });
        let tags = self.tags.iter();
        let tags = tags.map(|(key, value)| (format!("k{key}"), json!(value.to_string())));
        json!({
            "alias": self.alias.map(|version| version.to_string()),
            "reserved": self.reserved,
            "provisioned": by_name(&self.provisioned, |count| json!(count)),
            "policies": policies.collect::<BTreeMap<_, _>>(),
            "urls": by_name(&self.urls, |auth| json!(auth)),
            "events": by_name(&self.events, |event| json!(event)),
            "tags": tags.collect::<BTreeMap<_, _>>(),
            "layer": self.layer,
        })
    }
}

fn by_name<T>(
    things: &BTreeMap<On, T>,
    show: impl Fn(&T) -> Value,
) -> BTreeMap<&'static str, Value> {
    things
        .iter()
        .map(|(on, thing)| (name(*on), show(thing)))
        .collect()
}

/// The qualifier as answers have it.
pub(super) fn name(on: On) -> &'static str {
    match on {
        On::Function => "$LATEST",
        On::One => "1",
        On::Alias => "a",
    }
}
