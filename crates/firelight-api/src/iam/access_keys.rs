//! Actions on access keys.

use firelight_control::iam::{EntityKind, IamError};
use firelight_control::sts::Identity;

use super::Call;
use super::paging::ListPage;
use super::write;
use crate::body::Response;
use crate::error::ApiError;
use crate::time::iso_of_ms;

type Answer = Result<Response, ApiError>;

impl Call<'_> {
    /// Answers an action of this file; `None` for any other.
    pub(super) async fn access_keys(&self) -> Option<Answer> {
        Some(match self.action {
            "CreateAccessKey" => self.create_access_key().await,
            "ListAccessKeys" => self.list_access_keys(),
            "UpdateAccessKey" => self.update_access_key().await,
            "DeleteAccessKey" => self.delete_access_key().await,
            "GetAccessKeyLastUsed" => self.get_access_key_last_used(),
            _ => return None,
        })
    }

    /// Returns the user the call is about: the named one, else whoever asks.
    fn user_name(&self) -> Result<&str, ApiError> {
        match (self.form.get("UserName"), &self.context.caller.identity) {
            (Some(name), _) => Ok(name),
            (None, Identity::User { name, .. }) => Ok(name),
            (None, _) => {
                let text = "Must specify userName when calling with non-User credentials";
                Err(ApiError::bad_request("ValidationError", text))
            }
        }
    }

    async fn create_access_key(&self) -> Answer {
        let key = self
            .iam
            .create_access_key(self.account(), self.user_name()?)
            .await?;
        self.answer(|xml| {
            xml.element("AccessKey", |xml| {
                xml.text("UserName", &key.user_name);
                xml.text("AccessKeyId", &key.access_key_id);
                xml.text("Status", "Active");
                xml.text("SecretAccessKey", &key.secret_access_key);
                xml.text("CreateDate", &iso_of_ms(key.created_epoch_ms));
            });
        })
    }

    fn list_access_keys(&self) -> Answer {
        let name = self.user_name()?;
        let missing = || IamError::NoSuchEntity {
            kind: EntityKind::User,
            name: name.to_owned(),
        };
        let user = self
            .iam
            .view()
            .entity(self.account(), EntityKind::User, name);
        user.ok_or_else(missing)?;
        let keys = self.iam.view().access_keys_of(self.account(), name);
        // At most two, so they are never cut.
        let page = ListPage::cut(self.form, keys, |_| String::new())?;
        self.answer(|xml| {
            page.write(xml, "AccessKeyMetadata", |xml, key| {
                write::access_key(xml, &key)
            });
        })
    }

    async fn update_access_key(&self) -> Answer {
        let key = self.form.required("AccessKeyId")?;
        let active = match self.form.required("Status")? {
            "Active" => true,
            "Inactive" => false,
            status => return Err(bad_status(status)),
        };
        self.iam
            .update_access_key(self.account(), self.user_name()?, key, active)
            .await?;
        self.done()
    }

    async fn delete_access_key(&self) -> Answer {
        let key = self.form.required("AccessKeyId")?;
        self.iam
            .delete_access_key(self.account(), self.user_name()?, key)
            .await?;
        self.done()
    }

    fn get_access_key_last_used(&self) -> Answer {
        let access_key_id = self.form.required("AccessKeyId")?;
        let missing = || IamError::NoSuchAccessKey {
            access_key_id: access_key_id.to_owned(),
        };
        let found = self.iam.view().access_key(access_key_id);
        let (_, key) = found
            .filter(|(account, _)| *account == self.account())
            .ok_or_else(missing)?;
        self.answer(|xml| {
            xml.text("UserName", &key.user_name);
            xml.element("AccessKeyLastUsed", |xml| {
                xml.text("ServiceName", "N/A");
                xml.text("Region", "N/A");
            });
        })
    }
}

fn bad_status(status: &str) -> ApiError {
    let text = format!(
        "1 validation error detected: Value '{status}' at 'status' failed to satisfy constraint: \
         Member must satisfy enum value set: [Active, Inactive]"
    );
    ApiError::bad_request("ValidationError", text)
}
