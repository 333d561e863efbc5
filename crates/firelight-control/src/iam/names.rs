//! What names, paths and tags may look like.

use firelight_model::check_tag_keys;

use super::error::IamError;
use super::record::{EntityKind, Tag};

const MAX_TAGS: usize = 50;

/// Checks a name; `member` is how the API calls it.
pub(super) fn check_name(member: &str, name: &str, max_length: usize) -> Result<(), IamError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if !name.chars().all(plain) {
        return Err(IamError::Validation(format!(
            "The specified value for {member} is invalid. It must contain only alphanumeric \
             characters and/or the following: +=,.@_-"
        )));
    }
    check_length(member, name, 1, max_length)
}

/// Checks the name of a role, user or group.
pub(super) fn check_entity_name(kind: EntityKind, name: &str) -> Result<(), IamError> {
    match kind {
        EntityKind::Role => check_name("roleName", name, 64),
        EntityKind::User => check_name("userName", name, 64),
        EntityKind::Group => check_name("groupName", name, 128),
    }
}

/// Checks a path: `/`, or words between slashes.
pub(super) fn check_path(path: &str) -> Result<(), IamError> {
    let visible = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if path.len() > 512 || !visible || !path.starts_with('/') || !path.ends_with('/') {
        return Err(IamError::Validation(
            "The specified value for path is invalid. It must begin and end with / and contain \
             only alphanumeric characters and/or / characters."
                .to_owned(),
        ));
    }
    Ok(())
}

pub(super) fn check_length(
    member: &str,
    value: &str,
    min: usize,
    max: usize,
) -> Result<(), IamError> {
    let length = value.chars().count();
    let constraint = if length > max {
        format!("Member must have length less than or equal to {max}")
    } else if length < min {
        format!("Member must have length greater than or equal to {min}")
    } else {
        return Ok(());
    };
    Err(IamError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         {constraint}"
    )))
}

/// Puts new tags among the present ones; a key that is there gets the new value.
pub(super) fn merge_tags(present: &mut Vec<Tag>, new: Vec<Tag>) -> Result<(), IamError> {
    for tag in &new {
        check_tag(tag)?;
    }
    check_tag_keys(new.iter().map(|tag| &tag.key))?;
    let mut seen = std::collections::BTreeSet::new();
    if !new
        .iter()
        .all(|tag| seen.insert(tag.key.to_ascii_lowercase()))
    {
        return Err(IamError::InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
        ));
    }
    for tag in new {
        match present
            .iter_mut()
            .find(|old| old.key.eq_ignore_ascii_case(&tag.key))
        {
            Some(old) => *old = tag,
            None => present.push(tag),
        }
    }
    if present.len() > MAX_TAGS {
        return Err(IamError::LimitExceeded(
            "Cannot exceed quota for TagsPerResource: 50".to_owned(),
        ));
    }
    Ok(())
}

fn check_tag(tag: &Tag) -> Result<(), IamError> {
    check_length("tags.1.member.key", &tag.key, 1, 128)?;
    check_length("tags.1.member.value", &tag.value, 0, 256)
}
