//! Actions on the inline and attached policies of roles, users and groups.

use firelight_control::iam::{EntityKind, IamError};

use super::paging::ListPage;
use super::write;
use super::{Call, name_member};
use crate::body::Response;
use crate::error::ApiError;

use EntityKind::{Group, Role, User};

type Answer = Result<Response, ApiError>;

impl Call<'_> {
    /// Answers an action of this file; `None` for any other.
    pub(super) async fn entity_policies(&self) -> Option<Answer> {
        Some(match self.action {
            "PutRolePolicy" => self.put_inline(Role).await,
            "PutUserPolicy" => self.put_inline(User).await,
            "PutGroupPolicy" => self.put_inline(Group).await,
            "GetRolePolicy" => self.get_inline(Role),
            "GetUserPolicy" => self.get_inline(User),
            "GetGroupPolicy" => self.get_inline(Group),
            "DeleteRolePolicy" => self.delete_inline(Role).await,
            "DeleteUserPolicy" => self.delete_inline(User).await,
            "DeleteGroupPolicy" => self.delete_inline(Group).await,
            "ListRolePolicies" => self.list_inline(Role),
            "ListUserPolicies" => self.list_inline(User),
            "ListGroupPolicies" => self.list_inline(Group),
            "AttachRolePolicy" => self.attach(Role).await,
            "AttachUserPolicy" => self.attach(User).await,
            "AttachGroupPolicy" => self.attach(Group).await,
            "DetachRolePolicy" => self.detach(Role).await,
            "DetachUserPolicy" => self.detach(User).await,
            "DetachGroupPolicy" => self.detach(Group).await,
            "ListAttachedRolePolicies" => self.list_attached(Role),
            "ListAttachedUserPolicies" => self.list_attached(User),
            "ListAttachedGroupPolicies" => self.list_attached(Group),
            _ => return None,
        })
    }

    async fn put_inline(&self, kind: EntityKind) -> Answer {
        let (account, name) = (self.account(), self.name(kind)?);
        let policy = self.form.required("PolicyName")?;
        let document = self.form.required("PolicyDocument")?;
        self.iam
            .put_inline_policy(account, kind, name, policy, document)
            .await?;
        self.done()
    }

    fn get_inline(&self, kind: EntityKind) -> Answer {
        let entity = self.entity(kind)?;
        let name = self.form.required("PolicyName")?;
        let missing = || IamError::NoSuchInlinePolicy {
            kind,
            name: name.to_owned(),
        };
        let document = entity.inline_policies.get(name).ok_or_else(missing)?;
        self.answer(|xml| {
            xml.text(name_member(kind), &entity.name);
            xml.text("PolicyName", name);
            xml.text("PolicyDocument", &write::document(document));
        })
    }

    async fn delete_inline(&self, kind: EntityKind) -> Answer {
        let (account, name) = (self.account(), self.name(kind)?);
        let policy = self.form.required("PolicyName")?;
        self.iam
            .delete_inline_policy(account, kind, name, policy)
            .await?;
        self.done()
    }

    fn list_inline(&self, kind: EntityKind) -> Answer {
        let entity = self.entity(kind)?;
        let names = entity.inline_policies.keys().cloned();
        let page = ListPage::cut(self.form, names, String::clone)?;
        self.answer(|xml| page.write_texts(xml, "PolicyNames"))
    }

    async fn attach(&self, kind: EntityKind) -> Answer {
        let (account, name) = (self.account(), self.name(kind)?);
        self.iam
            .attach_policy(account, kind, name, self.form.required("PolicyArn")?)
            .await?;
        self.done()
    }

    async fn detach(&self, kind: EntityKind) -> Answer {
        let (account, name) = (self.account(), self.name(kind)?);
        self.iam
            .detach_policy(account, kind, name, self.form.required("PolicyArn")?)
            .await?;
        self.done()
    }

    fn list_attached(&self, kind: EntityKind) -> Answer {
        let prefix = self.form.get("PathPrefix").unwrap_or("/");
        let mut arns = self.entity(kind)?.attached_policies.clone();
        arns.retain(|arn| {
            arn.split_once(":policy")
                .is_some_and(|(_, path)| path.starts_with(prefix))
        });
        arns.sort();
        let page = ListPage::cut(self.form, arns, String::clone)?;
        self.answer(|xml| {
            page.write(xml, "AttachedPolicies", |xml, arn| {
                xml.text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
                xml.text("PolicyArn", &arn);
            });
        })
    }
}
