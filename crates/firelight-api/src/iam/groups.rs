//! Actions on groups and who is in them.

use firelight_control::iam::{EntityKind, EntityRecord};

use super::Call;
use super::paging::ListPage;
use super::write::{self, Detail};
use crate::body::Response;
use crate::error::ApiError;

use EntityKind::{Group, User};

type Answer = Result<Response, ApiError>;

impl Call<'_> {
    /// Answers an action of this file; `None` for any other.
    pub(super) async fn groups(&self) -> Option<Answer> {
        Some(match self.action {
            "CreateGroup" => self.create_group().await,
            "GetGroup" => self.get_group(),
            "ListGroups" => self.list_entities(Group),
            "UpdateGroup" => self.update_group().await,
            "DeleteGroup" => self.delete_entity(Group).await,
            "AddUserToGroup" => self.add_user_to_group().await,
            "RemoveUserFromGroup" => self.remove_user_from_group().await,
            "ListGroupsForUser" => self.list_groups_for_user(),
            _ => return None,
        })
    }

    async fn create_group(&self) -> Answer {
        let path = self.form.get("Path").unwrap_or("/");
        let (account, name) = (self.account(), self.name(Group)?);
        let group = self.iam.create_group(account, name, path).await?;
        self.answer_entity(&group)
    }

    fn get_group(&self) -> Answer {
        let (account, group) = (self.account(), self.entity(Group)?);
        let members = self.iam.view().members_of(account, &group.id);
        let page = ListPage::cut(self.form, members, |user| sort_key(user))?;
        self.answer(|xml| {
            xml.element("Group", |xml| {
                write::entity(xml, account, &group, Detail::Full)
            });
            page.write(xml, "Users", |xml, user| {
                write::entity(xml, account, &user, Detail::Listed);
            });
        })
    }

    async fn update_group(&self) -> Answer {
        let (new_name, new_path) = (self.form.get("NewGroupName"), self.form.get("NewPath"));
        self.iam
            .update_group(self.account(), self.name(Group)?, new_name, new_path)
            .await?;
        self.done()
    }

    async fn add_user_to_group(&self) -> Answer {
        let (group, user) = (self.name(Group)?, self.name(User)?);
        self.iam
            .add_user_to_group(self.account(), group, user)
            .await?;
        self.done()
    }

    async fn remove_user_from_group(&self) -> Answer {
        let (group, user) = (self.name(Group)?, self.name(User)?);
        self.iam
            .remove_user_from_group(self.account(), group, user)
            .await?;
        self.done()
    }

    fn list_groups_for_user(&self) -> Answer {
        let (account, user) = (self.account(), self.entity(User)?);
        let groups = self.iam.view().groups_of(account, &user);
        let page = ListPage::cut(self.form, groups, |group| sort_key(group))?;
        self.answer(|xml| {
            page.write(xml, "Groups", |xml, group| {
                write::entity(xml, account, &group, Detail::Listed);
            });
        })
    }
}

fn sort_key(entity: &EntityRecord) -> String {
    entity.name.to_ascii_lowercase()
}
