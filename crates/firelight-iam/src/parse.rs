//! Reading a policy document, as strictly as AWS does and with its texts.

use serde_json::{Map, Value};

use crate::condition::{Condition, Set};
use crate::document::{ActionClause, DocumentKind, Effect, Policy, ResourceClause, Statement};
use crate::operator::Operator;
use crate::pattern::{Pattern, Variables};
use crate::principal::{PrincipalClause, PrincipalPattern, account_of};

/// The document breaks the grammar. The text is AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPolicy {
    #[error("This policy contains invalid Json")]
    InvalidJson,
    #[error("Syntax errors in policy.")]
    Syntax,
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    #[error("Policy statement must contain actions.")]
    NoActions,
    #[error("Policy statement must contain resources.")]
    NoResources,
    #[error("Policy document should not specify a principal.")]
    PrincipalInIdentity,
    #[error("Missing required field Principal")]
    NoPrincipal,
    #[error("Has prohibited field Resource")]
    ResourceInTrust,
    #[error("Invalid principal in policy: {0}")]
    Principal(String),
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotAssumeRole,
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    #[error("Resource {0} must be in ARN format or \"*\".")]
    ResourceFormat(String),
    #[error("Invalid Condition type : {0}.")]
    ConditionType(String),
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    SidTwice,
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
         expression [0-9A-Za-z]*"
    )]
    Sid,
}

use MalformedPolicy as Malformed;

const DOCUMENT_KEYS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_KEYS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

pub(crate) fn parse(text: &str, kind: DocumentKind) -> Result<Policy, Malformed> {
    let value: Value = serde_json::from_str(text).map_err(|_| Malformed::InvalidJson)?;
    let document = value.as_object().ok_or(Malformed::Syntax)?;
    only_keys(document, &DOCUMENT_KEYS)?;
    let variables = variables(document.get("Version"))?;
    let statements: Vec<_> = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(Malformed::Syntax),
    };
    if statements.is_empty() {
        return Err(Malformed::Syntax);
    }
    check_sids(&statements, kind)?;
    let reader = Reader { kind, variables };
    let statements = statements.into_iter().map(|value| reader.statement(value));
    Ok(Policy {
        statements: statements.collect::<Result<_, _>>()?,
    })
}

fn variables(version: Option<&Value>) -> Result<Variables, Malformed> {
    match version.map(Value::as_str) {
        Some(Some("2012-10-17")) => Ok(Variables::Expanded),
        None | Some(Some("2008-10-17")) => Ok(Variables::Literal),
        Some(Some(_)) => Err(Malformed::Version),
        Some(None) => Err(Malformed::Syntax),
    }
}

fn check_sids(statements: &[&Value], kind: DocumentKind) -> Result<(), Malformed> {
    let mut seen = std::collections::BTreeSet::new();
    for sid in statements
        .iter()
        .filter_map(|statement| statement.get("Sid"))
    {
        let sid = sid.as_str().ok_or(Malformed::Syntax)?;
        // Only IAM's own documents are that strict; Lambda's statement ids may have dashes.
        let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain && kind != DocumentKind::Resource {
            return Err(Malformed::Sid);
        }
        if !sid.is_empty() && !seen.insert(sid) {
            return Err(Malformed::SidTwice);
        }
    }
    Ok(())
}

fn only_keys(object: &Map<String, Value>, keys: &[&str]) -> Result<(), Malformed> {
    let known = object.keys().all(|key| keys.contains(&key.as_str()));
    if known {
        Ok(())
    } else {
        Err(Malformed::Syntax)
    }
}

/// Reads the statements of one document.
struct Reader {
    kind: DocumentKind,
    variables: Variables,
}

impl Reader {
    fn statement(&self, value: &Value) -> Result<Statement, Malformed> {
        let object = value.as_object().ok_or(Malformed::Syntax)?;
        only_keys(object, &STATEMENT_KEYS)?;
        let effect = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(Malformed::Syntax),
        };
        Ok(Statement {
            effect,
            principal: self.principal(object)?,
            action: self.action(object)?,
            resource: self.resource(object)?,
            conditions: self.conditions(object.get("Condition"))?,
        })
    }

    fn principal(&self, object: &Map<String, Value>) -> Result<PrincipalClause, Malformed> {
        let clause = match either(object, "Principal", "NotPrincipal")? {
            None => PrincipalClause::Absent,
            Some(Either::Plain(value)) => PrincipalClause::In(principals(value)?),
            Some(Either::Not(value)) => PrincipalClause::NotIn(principals(value)?),
        };
        match (self.kind, &clause) {
            (DocumentKind::Identity, PrincipalClause::Absent) => Ok(clause),
            (DocumentKind::Identity, _) => Err(Malformed::PrincipalInIdentity),
            (_, PrincipalClause::Absent) => Err(Malformed::NoPrincipal),
            _ => Ok(clause),
        }
    }

    fn action(&self, object: &Map<String, Value>) -> Result<ActionClause, Malformed> {
        let found = either(object, "Action", "NotAction")?.ok_or(Malformed::NoActions)?;
        let names = strings(found.value())?;
        if names.is_empty() {
            return Err(Malformed::NoActions);
        }
        for name in &names {
            self.check_action(name)?;
        }
        let patterns = names
            .iter()
            .map(|name| Pattern::parse(name, Variables::Literal))
            .collect();
        Ok(match found {
            Either::Plain(_) => ActionClause::In(patterns),
            Either::Not(_) => ActionClause::NotIn(patterns),
        })
    }

    fn check_action(&self, name: &str) -> Result<(), Malformed> {
        let Some((vendor, action)) = name.split_once(':') else {
            return if name == "*" {
                Ok(())
            } else {
                Err(Malformed::NoVendor)
            };
        };
        if vendor.is_empty() || action.is_empty() {
            return Err(Malformed::NoVendor);
        }
        if self.kind == DocumentKind::Trust && !vendor.eq_ignore_ascii_case("sts") {
            return Err(Malformed::NotAssumeRole);
        }
        Ok(())
    }

    fn resource(&self, object: &Map<String, Value>) -> Result<ResourceClause, Malformed> {
        let found = either(object, "Resource", "NotResource")?;
        let Some(found) = found else {
            return match self.kind {
                DocumentKind::Identity => Err(Malformed::NoResources),
                DocumentKind::Resource | DocumentKind::Trust => Ok(ResourceClause::Absent),
            };
        };
        if self.kind == DocumentKind::Trust {
            return Err(Malformed::ResourceInTrust);
        }
        let names = strings(found.value())?;
        if names.is_empty() {
            return Err(Malformed::NoResources);
        }
        if let Some(name) = names.iter().find(|name| !is_arn_pattern(name)) {
            return Err(Malformed::ResourceFormat((*name).to_owned()));
        }
        let patterns = names
            .iter()
            .map(|name| Pattern::parse(name, self.variables))
            .collect();
        Ok(match found {
            Either::Plain(_) => ResourceClause::In(patterns),
            Either::Not(_) => ResourceClause::NotIn(patterns),
        })
    }

    fn conditions(&self, value: Option<&Value>) -> Result<Vec<Condition>, Malformed> {
        let Some(value) = value else {
            return Ok(Vec::new());
        };
        let mut conditions = Vec::new();
        for (operator, keys) in value.as_object().ok_or(Malformed::Syntax)? {
            for (key, values) in keys.as_object().ok_or(Malformed::Syntax)? {
                conditions.push(self.condition(operator, key, values)?);
            }
        }
        Ok(conditions)
    }

    fn condition(&self, name: &str, key: &str, values: &Value) -> Result<Condition, Malformed> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Set::All, rest),
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            _ => (Set::Plain, name),
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let operator =
            Operator::parse(rest).ok_or_else(|| Malformed::ConditionType(name.into()))?;
        if !key.contains(':') {
            return Err(Malformed::NoVendor);
        }
        let values = scalars(values)?;
        let values = values
            .iter()
            .map(|value| Pattern::parse(value, self.variables))
            .collect();
        Ok(Condition {
            operator,
            set,
            if_exists,
            key: key.to_owned(),
            values,
        })
    }
}

/// An element or its negation.
enum Either<'a> {
    Plain(&'a Value),
    Not(&'a Value),
}

impl<'a> Either<'a> {
    fn value(&self) -> &'a Value {
        match self {
            Self::Plain(value) | Self::Not(value) => value,
        }
    }
}

fn either<'a>(
    object: &'a Map<String, Value>,
    plain: &str,
    not: &str,
) -> Result<Option<Either<'a>>, Malformed> {
    match (object.get(plain), object.get(not)) {
        (Some(_), Some(_)) => Err(Malformed::Syntax),
        (Some(value), None) => Ok(Some(Either::Plain(value))),
        (None, Some(value)) => Ok(Some(Either::Not(value))),
        (None, None) => Ok(None),
    }
}

/// Reads a text or a list of texts.
fn strings(value: &Value) -> Result<Vec<&str>, Malformed> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().ok_or(Malformed::Syntax))
            .collect(),
        _ => Err(Malformed::Syntax),
    }
}

/// Reads a plain value or a list of them as texts: `true` and `5` may stand without quotes.
fn scalars(value: &Value) -> Result<Vec<String>, Malformed> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(Malformed::Syntax),
    };
    match value {
        Value::Array(values) => values.iter().map(scalar).collect(),
        value => Ok(vec![scalar(value)?]),
    }
}

fn is_arn_pattern(name: &str) -> bool {
    name == "*" || name.starts_with("arn:") || name.starts_with("${") || name.starts_with('*')
}

fn principals(value: &Value) -> Result<Vec<PrincipalPattern>, Malformed> {
    if value.as_str() == Some("*") {
        return Ok(vec![PrincipalPattern::Everybody]);
    }
    let Some(object) = value.as_object() else {
        return Err(Malformed::Principal(value.to_string()));
    };
    let mut patterns = Vec::new();
    for (kind, names) in object {
        for name in strings(names)? {
            patterns.push(principal(kind, name)?);
        }
    }
    if patterns.is_empty() {
        Err(Malformed::NoPrincipal)
    } else {
        Ok(patterns)
    }
}

fn principal(kind: &str, name: &str) -> Result<PrincipalPattern, Malformed> {
    let invalid = || Malformed::Principal(format!("\"{kind}\":\"{name}\""));
    match kind {
        "AWS" if name == "*" => Ok(PrincipalPattern::Everybody),
        "AWS" => match account_of(name) {
            Some(account) => Ok(PrincipalPattern::Account(account)),
            None if is_principal_arn(name) => Ok(PrincipalPattern::Arn(name.to_owned())),
            None => Err(invalid()),
        },
        "Service" if name == "*" || name.contains('.') => {
            Ok(PrincipalPattern::Service(name.to_owned()))
        }
        "Federated" | "CanonicalUser" => Ok(PrincipalPattern::Other(name.to_owned())),
        _ => Err(invalid()),
    }
}

fn is_principal_arn(name: &str) -> bool {
    let kinds = [
        "user/",
        "role/",
        "assumed-role/",
        "federated-user/",
        "group/",
    ];
    let resource = name.splitn(6, ':').nth(5);
    let known = resource.is_some_and(|text| kinds.iter().any(|kind| text.starts_with(kind)));
    name.starts_with("arn:") && known && !name.contains('*')
}
