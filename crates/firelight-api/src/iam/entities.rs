//! Actions on roles and users.

use std::sync::Arc;

use firelight_control::iam::{CreateRole, CreateUser, EntityKind, EntityRecord, IamError};
use firelight_control::sts::Identity;
use http::StatusCode;

use super::paging::ListPage;
use super::write::{self, Detail};
use super::{Call, name_member};
use crate::body::Response;
use crate::error::ApiError;
use crate::protocol::xml::Xml;

use EntityKind::{Role, User};

type Answer = Result<Response, ApiError>;

impl Call<'_> {
    /// Answers an action of this file; `None` for any other.
    pub(super) async fn entities(&self) -> Option<Answer> {
        Some(match self.action {
            "CreateRole" => self.create_role().await,
            "CreateUser" => self.create_user().await,
            "GetRole" => self.get_entity(Role),
            "GetUser" => self.get_entity(User),
            "ListRoles" => self.list_entities(Role),
            "ListUsers" => self.list_entities(User),
            "DeleteRole" => self.delete_entity(Role).await,
            "DeleteUser" => self.delete_entity(User).await,
            "UpdateRole" => self.update_role().await,
            "UpdateRoleDescription" => self.update_role_description().await,
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy().await,
            "PutRolePermissionsBoundary" => self.put_boundary(Role).await,
            "PutUserPermissionsBoundary" => self.put_boundary(User).await,
            "DeleteRolePermissionsBoundary" => self.delete_boundary(Role).await,
            "DeleteUserPermissionsBoundary" => self.delete_boundary(User).await,
            "TagRole" => self.tag_entity(Role).await,
            "TagUser" => self.tag_entity(User).await,
            "UntagRole" => self.untag_entity(Role).await,
            "UntagUser" => self.untag_entity(User).await,
            "ListRoleTags" => self.list_tags(Role),
            "ListUserTags" => self.list_tags(User),
            "ListInstanceProfilesForRole" => self.list_nothing(Role, "InstanceProfiles"),
            "ListMFADevices" => self.list_nothing(User, "MFADevices"),
            "ListSigningCertificates" => self.list_nothing(User, "Certificates"),
            "ListSSHPublicKeys" => self.list_nothing(User, "SSHPublicKeys"),
            "ListServiceSpecificCredentials" => {
                self.list_nothing(User, "ServiceSpecificCredentials")
            }
            "ListVirtualMFADevices" => self.none("VirtualMFADevices"),
            "GetLoginProfile" | "DeleteLoginProfile" => self.no_login_profile(),
            "ListAccountAliases" => self.answer(|xml| {
                let none = ListPage::cut(self.form, Vec::<String>::new(), String::clone);
                if let Ok(none) = none {
                    none.write_texts(xml, "AccountAliases");
                }
            }),
            _ => return None,
        })
    }

    async fn create_role(&self) -> Answer {
        let form = self.form;
        let input = CreateRole {
            name: self.name(Role)?.to_owned(),
            path: form.get("Path").unwrap_or("/").to_owned(),
            trust_policy: form.required("AssumeRolePolicyDocument")?.to_owned(),
            description: form.get("Description").map(str::to_owned),
            max_session_seconds: form.number("MaxSessionDuration")?.unwrap_or(3_600),
            boundary: form.get("PermissionsBoundary").map(str::to_owned),
            tags: self.tags(),
        };
        let role = self.iam.create_role(self.account(), input).await?;
        self.answer_entity(&role)
    }

    async fn create_user(&self) -> Answer {
        let form = self.form;
        let input = CreateUser {
            name: self.name(User)?.to_owned(),
            path: form.get("Path").unwrap_or("/").to_owned(),
            boundary: form.get("PermissionsBoundary").map(str::to_owned),
            tags: self.tags(),
        };
        let user = self.iam.create_user(self.account(), input).await?;
        self.answer_entity(&user)
    }

    pub(super) fn answer_entity(&self, entity: &EntityRecord) -> Answer {
        let name = match entity.kind() {
            Role => "Role",
            User => "User",
            EntityKind::Group => "Group",
        };
        let account = self.account();
        self.answer(|xml| {
            xml.element(name, |xml| {
                write::entity(xml, account, entity, Detail::Full)
            });
        })
    }

    /// Finds the role, user or group that the call names.
    pub(super) fn entity(&self, kind: EntityKind) -> Result<Arc<EntityRecord>, ApiError> {
        let name = self.name(kind)?;
        let found = self.iam.view().entity(self.account(), kind, name);
        let missing = || IamError::NoSuchEntity {
            kind,
            name: name.to_owned(),
        };
        Ok(found.ok_or_else(missing)?)
    }

    fn get_entity(&self, kind: EntityKind) -> Answer {
        if kind == User && self.form.get(name_member(User)).is_none() {
            return self.get_own_user();
        }
        self.answer_entity(&*self.entity(kind)?)
    }

    /// GetUser without a name is about whoever asks.
    fn get_own_user(&self) -> Answer {
        let caller = &self.context.caller;
        if let Identity::User { name, .. } = &caller.identity {
            let user = self.iam.view().entity(self.account(), User, name);
            if let Some(user) = user {
                return self.answer_entity(&user);
            }
        }
        if caller.identity != Identity::Root {
            let text = "Must specify userName when calling with non-User credentials";
            return Err(ApiError::bad_request("ValidationError", text));
        }
        self.answer(|xml| {
            xml.element("User", |xml| {
                xml.text("Path", "/");
                xml.text("UserName", "root");
                xml.text("UserId", self.account().as_str());
                xml.text("Arn", &caller.arn());
                xml.text("CreateDate", "2015-01-01T00:00:00Z");
            });
        })
    }

    pub(super) fn list_entities(&self, kind: EntityKind) -> Answer {
        let account = self.account();
        let prefix = self.form.get("PathPrefix").unwrap_or("/");
        let entities = self.iam.view().entities(account, kind);
        let under = entities
            .into_iter()
            .filter(|entity| entity.path.starts_with(prefix));
        let page = ListPage::cut(self.form, under, |entity| entity.name.to_ascii_lowercase())?;
        let name = match kind {
            Role => "Roles",
            User => "Users",
            EntityKind::Group => "Groups",
        };
        self.answer(|xml| {
            page.write(xml, name, |xml, entity| {
                write::entity(xml, account, &entity, Detail::Listed);
            });
        })
    }

    pub(super) async fn delete_entity(&self, kind: EntityKind) -> Answer {
        self.iam
            .delete_entity(self.account(), kind, self.name(kind)?)
            .await?;
        self.done()
    }

    async fn update_role(&self) -> Answer {
        let (name, description) = (self.name(Role)?, self.form.get("Description"));
        let seconds = self.form.number("MaxSessionDuration")?;
        self.iam
            .update_role(self.account(), name, description, seconds)
            .await?;
        self.answer(|_| {})
    }

    async fn update_role_description(&self) -> Answer {
        let (name, description) = (self.name(Role)?, self.form.get("Description"));
        self.iam
            .update_role(self.account(), name, description, None)
            .await?;
        self.answer_entity(&*self.entity(Role)?)
    }

    async fn update_assume_role_policy(&self) -> Answer {
        let (name, document) = (self.name(Role)?, self.form.required("PolicyDocument")?);
        self.iam
            .update_assume_role_policy(self.account(), name, document)
            .await?;
        self.done()
    }

    async fn put_boundary(&self, kind: EntityKind) -> Answer {
        let arn = self.form.required("PermissionsBoundary")?;
        self.iam
            .put_boundary(self.account(), kind, self.name(kind)?, Some(arn))
            .await?;
        self.done()
    }

    async fn delete_boundary(&self, kind: EntityKind) -> Answer {
        self.iam
            .put_boundary(self.account(), kind, self.name(kind)?, None)
            .await?;
        self.done()
    }

    async fn tag_entity(&self, kind: EntityKind) -> Answer {
        self.iam
            .tag_entity(self.account(), kind, self.name(kind)?, &self.tags())
            .await?;
        self.done()
    }

    async fn untag_entity(&self, kind: EntityKind) -> Answer {
        self.iam
            .untag_entity(self.account(), kind, self.name(kind)?, &self.tag_keys())
            .await?;
        self.done()
    }

    fn list_tags(&self, kind: EntityKind) -> Answer {
        let mut tags = self.entity(kind)?.tags.clone();
        tags.sort_by(|a, b| a.key.cmp(&b.key));
        let page = ListPage::cut(self.form, tags, |tag| tag.key.clone())?;
        self.answer(|xml| page.write(xml, "Tags", |xml, tag| write::write_tag(xml, &tag)))
    }

    /// Answers a list of what a role or user never has here.
    fn list_nothing(&self, kind: EntityKind, name: &str) -> Answer {
        self.entity(kind)?;
        self.none(name)
    }

    /// Answers a list of things that do not exist here.
    fn none(&self, name: &str) -> Answer {
        self.answer(|xml: &mut Xml| {
            xml.element(name, |_| {});
            xml.text("IsTruncated", "false");
        })
    }

    /// Nobody has a password: there is no console.
    fn no_login_profile(&self) -> Answer {
        let name = &self.entity(User)?.name;
        let text = format!("Login Profile for User {name} cannot be found.");
        Err(ApiError::new(StatusCode::NOT_FOUND, "NoSuchEntity", text))
    }
}
