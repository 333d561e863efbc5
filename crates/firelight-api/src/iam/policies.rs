//! Actions on managed policies.

use std::sync::Arc;

use firelight_control::iam::{
    AwsManaged, CreatePolicy, EntityKind, EntityRecord, IamError, ManagedPolicy, PolicyRecord,
    SetAsDefault, aws_managed_policies, version_number,
};

use super::Call;
use super::paging::ListPage;
use super::write::{self, Detail, Usage};
use crate::body::Response;
use crate::error::ApiError;
use crate::protocol::xml::Xml;

type Answer = Result<Response, ApiError>;

impl Call<'_> {
    /// Answers an action of this file; `None` for any other.
    pub(super) async fn policies(&self) -> Option<Answer> {
        Some(match self.action {
            "CreatePolicy" => self.create_policy().await,
            "GetPolicy" => self.get_policy(),
            "ListPolicies" => self.list_policies(),
            "DeletePolicy" => self.delete_policy().await,
            "CreatePolicyVersion" => self.create_policy_version().await,
            "GetPolicyVersion" => self.get_policy_version(),
            "ListPolicyVersions" => self.list_policy_versions(),
            "DeletePolicyVersion" => self.delete_policy_version().await,
            "SetDefaultPolicyVersion" => self.set_default_policy_version().await,
            "TagPolicy" => self.tag_policy().await,
            "UntagPolicy" => self.untag_policy().await,
            "ListPolicyTags" => self.list_policy_tags(),
            "ListEntitiesForPolicy" => self.list_entities_for_policy(),
            _ => return None,
        })
    }

    fn arn(&self) -> Result<&str, ApiError> {
        self.form.required("PolicyArn")
    }

    fn policy(&self) -> Result<ManagedPolicy, ApiError> {
        Ok(self.iam.policy(self.account(), self.arn()?)?)
    }

    fn usage(&self, arn: &str) -> Usage {
        let (view, account) = (self.iam.view(), self.account());
        Usage {
            attachments: view.entities_with_policy(account, arn).len(),
            boundaries: view.entities_with_boundary(account, arn).len(),
        }
    }

    async fn create_policy(&self) -> Answer {
        let form = self.form;
        let input = CreatePolicy {
            name: form.required("PolicyName")?.to_owned(),
            path: form.get("Path").unwrap_or("/").to_owned(),
            document: form.required("PolicyDocument")?.to_owned(),
            description: form.get("Description").map(str::to_owned),
            tags: self.tags(),
        };
        let policy = self.iam.create_policy(self.account(), input).await?;
        let policy = ManagedPolicy::Own(Arc::new(policy));
        self.answer(|xml| {
            xml.element("Policy", |xml| {
                self.write_policy(xml, &policy, Detail::Full)
            });
        })
    }

    fn write_policy(&self, xml: &mut Xml, policy: &ManagedPolicy, detail: Detail) {
        let account = self.account();
        match policy {
            ManagedPolicy::Own(policy) => {
                let usage = self.usage(&policy.arn(account));
                write::policy(xml, account, policy, usage, detail);
            }
            ManagedPolicy::Aws(policy) => {
                write::aws_policy(xml, policy, self.usage(&policy.arn()));
            }
        }
    }

    fn get_policy(&self) -> Answer {
        let policy = self.policy()?;
        self.answer(|xml| {
            xml.element("Policy", |xml| {
                self.write_policy(xml, &policy, Detail::Full)
            });
        })
    }

    fn list_policies(&self) -> Answer {
        let scope = self.form.get("Scope").unwrap_or("All");
        let own = self.iam.view().policies(self.account());
        let own = own
            .into_iter()
            .map(ManagedPolicy::Own)
            .filter(|_| scope != "AWS");
        let aws = aws_managed_policies().iter().map(ManagedPolicy::Aws);
        let aws = aws.filter(|_| scope != "Local");
        let prefix = self.form.get("PathPrefix").unwrap_or("/");
        let only_attached = self.form.get("OnlyAttached") == Some("true");
        let mut policies: Vec<_> = own
            .chain(aws)
            .filter(|policy| path_of(policy).starts_with(prefix))
            .filter(|policy| !only_attached || self.usage(&self.arn_of(policy)).attachments > 0)
            .collect();
        policies.sort_by_key(|policy| self.arn_of(policy));
        let page = ListPage::cut(self.form, policies, |policy| self.arn_of(policy))?;
        self.answer(|xml| {
            page.write(xml, "Policies", |xml, policy| {
                self.write_policy(xml, &policy, Detail::Listed);
            });
        })
    }

    fn arn_of(&self, policy: &ManagedPolicy) -> String {
        match policy {
            ManagedPolicy::Own(policy) => policy.arn(self.account()),
            ManagedPolicy::Aws(policy) => policy.arn(),
        }
    }

    async fn delete_policy(&self) -> Answer {
        self.own_policy()?;
        self.iam.delete_policy(self.account(), self.arn()?).await?;
        self.done()
    }

    /// Finds a policy that the account may change.
    fn own_policy(&self) -> Result<Arc<PolicyRecord>, ApiError> {
        match self.policy()? {
            ManagedPolicy::Own(policy) => Ok(policy),
            ManagedPolicy::Aws(_) => Err(access_denied()),
        }
    }

    async fn create_policy_version(&self) -> Answer {
        self.own_policy()?;
        let document = self.form.required("PolicyDocument")?;
        let default = match self.form.get("SetAsDefault") {
            Some("true") => SetAsDefault::Yes,
            _ => SetAsDefault::No,
        };
        let (account, arn) = (self.account(), self.arn()?);
        let version = self
            .iam
            .create_policy_version(account, arn, document, default)
            .await?;
        let default_version = if default == SetAsDefault::Yes {
            version.number
        } else {
            0
        };
        self.answer(|xml| {
            xml.element("PolicyVersion", |xml| {
                write::policy_version(xml, &version, default_version, Detail::Listed);
            });
        })
    }

    fn get_policy_version(&self) -> Answer {
        let id = self.form.required("VersionId")?;
        let arn = self.arn()?.to_owned();
        let missing = || IamError::NoSuchVersion {
            arn,
            version: id.to_owned(),
        };
        match self.policy()? {
            ManagedPolicy::Own(policy) => {
                let version = version_number(id).and_then(|number| policy.version(number));
                let version = version.ok_or_else(missing)?;
                self.answer(|xml| {
                    xml.element("PolicyVersion", |xml| {
                        write::policy_version(xml, version, policy.default_version, Detail::Full);
                    });
                })
            }
            ManagedPolicy::Aws(_) if id != "v1" => Err(missing().into()),
            ManagedPolicy::Aws(policy) => self.answer(|xml| {
                xml.element("PolicyVersion", |xml| {
                    write::aws_policy_version(xml, policy, Detail::Full);
                });
            }),
        }
    }

    fn list_policy_versions(&self) -> Answer {
        match self.policy()? {
            ManagedPolicy::Own(policy) => {
                let versions = policy.versions.iter().rev();
                // At most five, so they are never cut.
                let page = ListPage::cut(self.form, versions, |_| String::new())?;
                self.answer(|xml| {
                    page.write(xml, "Versions", |xml, version| {
                        let default = policy.default_version;
                        write::policy_version(xml, version, default, Detail::Listed);
                    });
                })
            }
            ManagedPolicy::Aws(policy) => self.answer(|xml| {
                xml.element("Versions", |xml| write_aws_version(xml, policy));
                xml.text("IsTruncated", "false");
            }),
        }
    }

    async fn delete_policy_version(&self) -> Answer {
        self.own_policy()?;
        let version = self.form.required("VersionId")?;
        self.iam
            .delete_policy_version(self.account(), self.arn()?, version)
            .await?;
        self.done()
    }

    async fn set_default_policy_version(&self) -> Answer {
        self.own_policy()?;
        let version = self.form.required("VersionId")?;
        self.iam
            .set_default_policy_version(self.account(), self.arn()?, version)
            .await?;
        self.done()
    }

    async fn tag_policy(&self) -> Answer {
        self.own_policy()?;
        self.iam
            .tag_policy(self.account(), self.arn()?, &self.tags())
            .await?;
        self.done()
    }

    async fn untag_policy(&self) -> Answer {
        self.own_policy()?;
        self.iam
            .untag_policy(self.account(), self.arn()?, &self.tag_keys())
            .await?;
        self.done()
    }

    fn list_policy_tags(&self) -> Answer {
        let mut tags = match self.policy()? {
            ManagedPolicy::Own(policy) => policy.tags.clone(),
            ManagedPolicy::Aws(_) => Vec::new(),
        };
        tags.sort_by(|a, b| a.key.cmp(&b.key));
        let page = ListPage::cut(self.form, tags, |tag| tag.key.clone())?;
        self.answer(|xml| page.write(xml, "Tags", |xml, tag| write::write_tag(xml, &tag)))
    }

    fn list_entities_for_policy(&self) -> Answer {
        self.policy()?;
        let entities = self
            .iam
            .view()
            .entities_with_policy(self.account(), self.arn()?);
        let filter = self.form.get("EntityFilter");
        let of_kind = |xml: &mut Xml, kind: EntityKind, word: &str| {
            let asked = filter.is_none_or(|filter| filter == word);
            let holders = entities.iter().filter(|entity| entity.kind() == kind);
            holders
                .filter(|_| asked)
                .for_each(|holder| write_holder(xml, holder));
        };
        self.answer(|xml| {
            xml.element("PolicyGroups", |xml| {
                of_kind(xml, EntityKind::Group, "Group")
            });
            xml.element("PolicyUsers", |xml| of_kind(xml, EntityKind::User, "User"));
            xml.element("PolicyRoles", |xml| of_kind(xml, EntityKind::Role, "Role"));
            xml.text("IsTruncated", "false");
        })
    }
}

fn path_of(policy: &ManagedPolicy) -> &str {
    match policy {
        ManagedPolicy::Own(policy) => &policy.path,
        ManagedPolicy::Aws(policy) => policy.path,
    }
}

fn write_aws_version(xml: &mut Xml, policy: &AwsManaged) {
    xml.element("member", |xml| {
        write::aws_policy_version(xml, policy, Detail::Listed)
    });
}

fn write_holder(xml: &mut Xml, entity: &EntityRecord) {
    let (name, id) = write::name_and_id(entity.kind());
    xml.element("member", |xml| {
        xml.text(name, &entity.name);
        xml.text(id, &entity.id);
    });
}

/// Nobody changes a policy of AWS.
fn access_denied() -> ApiError {
    let text = "AWS managed policies cannot be changed.";
    ApiError::new(http::StatusCode::FORBIDDEN, "AccessDenied", text)
}
