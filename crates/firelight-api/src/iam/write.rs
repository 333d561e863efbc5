//! Records of IAM as XML.

use firelight_control::iam::{
    AccessKeyRecord, AwsManaged, EntityKind, EntityRecord, PolicyRecord, PolicyVersionRecord, Tag,
};
use firelight_model::AccountId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::protocol::xml::Xml;
use crate::time::iso_of_ms;

/// Documents are URL-encoded on the way out.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'*');

/// When AWS's own policies were made, as far as this installation is concerned.
const AWS_POLICY_TIME: &str = "2015-02-06T18:39:46Z";

/// How much of an entity is shown: listings leave tags and boundary out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Full,
    Listed,
}

pub(super) fn document(text: &str) -> String {
    utf8_percent_encode(text, DOCUMENT).to_string()
}

/// Returns how the members with a name and an id are called.
pub(super) fn name_and_id(kind: EntityKind) -> (&'static str, &'static str) {
    match kind {
        EntityKind::Role => ("RoleName", "RoleId"),
        EntityKind::User => ("UserName", "UserId"),
        EntityKind::Group => ("GroupName", "GroupId"),
    }
}

/// Writes the members of a role, user or group.
pub(super) fn entity(xml: &mut Xml, account: AccountId, entity: &EntityRecord, detail: Detail) {
    let (name, id) = name_and_id(entity.kind());
    xml.text("Path", &entity.path);
    xml.text(name, &entity.name);
    xml.text(id, &entity.id);
    xml.text("Arn", &entity.arn(account));
    xml.text("CreateDate", &iso_of_ms(entity.created_epoch_ms));
    if let Some(role) = &entity.role {
        xml.text("AssumeRolePolicyDocument", &document(&role.trust_policy));
        xml.optional("Description", role.description.as_deref());
        xml.text("MaxSessionDuration", &role.max_session_seconds.to_string());
    }
    if detail == Detail::Listed {
        return;
    }
    if let Some(boundary) = &entity.boundary {
        xml.element("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy");
            xml.text("PermissionsBoundaryArn", boundary);
        });
    }
    if !entity.tags.is_empty() {
        tags(xml, &entity.tags);
    }
    if entity.role.is_some() {
        xml.element("RoleLastUsed", |_| {});
    }
}

pub(super) fn tags(xml: &mut Xml, tags: &[Tag]) {
    xml.element("Tags", |xml| {
        for tag in tags {
            xml.element("member", |xml| write_tag(xml, tag));
        }
    });
}

pub(super) fn write_tag(xml: &mut Xml, tag: &Tag) {
    xml.text("Key", &tag.key);
    xml.text("Value", &tag.value);
}

/// Writes the members of a customer managed policy.
pub(super) fn policy(
    xml: &mut Xml,
    account: AccountId,
    policy: &PolicyRecord,
    usage: Usage,
    detail: Detail,
) {
    xml.text("PolicyName", &policy.name);
    xml.text("PolicyId", &policy.id);
    xml.text("Arn", &policy.arn(account));
    xml.text("Path", &policy.path);
    xml.text("DefaultVersionId", &format!("v{}", policy.default_version));
    write_usage(xml, usage);
    xml.text("CreateDate", &iso_of_ms(policy.created_epoch_ms));
    xml.text("UpdateDate", &iso_of_ms(policy.updated_epoch_ms));
    if detail == Detail::Full {
        xml.optional("Description", policy.description.as_deref());
        if !policy.tags.is_empty() {
            tags(xml, &policy.tags);
        }
    }
}

/// Writes the members of a policy of AWS.
pub(super) fn aws_policy(xml: &mut Xml, policy: &AwsManaged, usage: Usage) {
    xml.text("PolicyName", policy.name);
    xml.text("PolicyId", &policy.id());
    xml.text("Arn", &policy.arn());
    xml.text("Path", policy.path);
    xml.text("DefaultVersionId", "v1");
    write_usage(xml, usage);
    xml.text("CreateDate", AWS_POLICY_TIME);
    xml.text("UpdateDate", AWS_POLICY_TIME);
}

/// How often a policy is attached.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    pub(super) attachments: usize,
    pub(super) boundaries: usize,
}

fn write_usage(xml: &mut Xml, usage: Usage) {
    xml.text("AttachmentCount", &usage.attachments.to_string());
    xml.text(
        "PermissionsBoundaryUsageCount",
        &usage.boundaries.to_string(),
    );
    xml.text("IsAttachable", "true");
}

pub(super) fn policy_version(
    xml: &mut Xml,
    version: &PolicyVersionRecord,
    default_version: u32,
    detail: Detail,
) {
    if detail == Detail::Full {
        xml.text("Document", &document(&version.document));
    }
    xml.text("VersionId", &format!("v{}", version.number));
    let is_default = version.number == default_version;
    xml.text(
        "IsDefaultVersion",
        if is_default { "true" } else { "false" },
    );
    xml.text("CreateDate", &iso_of_ms(version.created_epoch_ms));
}

pub(super) fn aws_policy_version(xml: &mut Xml, policy: &AwsManaged, detail: Detail) {
    if detail == Detail::Full {
        xml.text("Document", &document(&policy.document()));
    }
    xml.text("VersionId", "v1");
    xml.text("IsDefaultVersion", "true");
    xml.text("CreateDate", AWS_POLICY_TIME);
}

pub(super) fn access_key(xml: &mut Xml, key: &AccessKeyRecord) {
    xml.text("UserName", &key.user_name);
    xml.text("AccessKeyId", &key.access_key_id);
    xml.text("Status", if key.active { "Active" } else { "Inactive" });
    xml.text("CreateDate", &iso_of_ms(key.created_epoch_ms));
}
