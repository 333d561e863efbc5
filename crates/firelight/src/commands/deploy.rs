//! `firelight deploy`: packages a directory, creates or updates its function, and waits until it can be invoked.
//!
//! ```text
//!  directory ─► plan (name, runtime, handler, zip) ─► exists? ─ no ─► CreateFunction ─────────┐
//!                                                        └──── yes ─► what differs: code,      ├─► settled
//!                                                                     then configuration ─────┘
//! ```

mod changes;
mod plan;
mod runtime;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::changes::Changes;
use self::plan::Plan;
use super::Api;
use crate::args::DeployArgs;
use crate::client::{CallError, Client};
use crate::commands::list::size;
use crate::deploy::{PackageFiles, missing_libraries, other_machine};
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::Terminal;

const LONGEST_SETTLING: Duration = Duration::from_secs(300);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(300);

pub async fn run(api: &Api, args: &DeployArgs, terminal: &Terminal) -> Outcome {
    let files = plan::files(args)?;
    deploy(api, args, &files, terminal).await?;
    if args.layer.is_empty()
        && let Some(remark) = missing_libraries(&files)
    {
        terminal.note(&remark);
    }
    if let Some(remark) = other_machine(&files) {
        terminal.note(&remark);
    }
    if args.watch {
        watch(api, args, files, terminal).await
    } else {
        Ok(Exit::Success)
    }
}

/// Deploys again after each change, until interrupted. A failing deployment is reported and waited out.
async fn watch(api: &Api, args: &DeployArgs, files: PackageFiles, terminal: &Terminal) -> Outcome {
    terminal.note("watching for changes; Ctrl-C ends it");
    let mut deployed = files.fingerprint();
    loop {
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        let Ok(files) = plan::files(args) else {
            continue;
        };
        let found = files.fingerprint();
        if found != deployed {
            deployed = found;
            if let Err(failure) = deploy(api, args, &files, terminal).await {
                terminal.report(&failure);
            }
        }
    }
}

async fn deploy(
    api: &Api,
    args: &DeployArgs,
    files: &PackageFiles,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let waiting = terminal.wait_for("packaging");
    let current = current(&api.client, &plan::name(args)?).await?;
    let plan = Plan::make(args, &api.config, files, current.as_ref())?;
    waiting.now(&format!("deploying {}", plan.name));
    let action = apply(&api.client, &plan, current.is_some()).await?;
    waiting.now(&format!("waiting until {} is active", plan.name));
    let configuration = settled(&api.client, &plan.name).await?;
    drop(waiting);
    terminal.result(&document(action, &configuration), || {
        text(action, &configuration)
    })?;
    Ok(())
}

/// Returns the configuration of the function, if there is one.
async fn current(client: &Client, name: &str) -> Result<Option<Value>, Failure> {
    match client.get_function_configuration(name).await {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer
            .map(Some)
            .map_err(|error| error.while_doing(format!("could not deploy {name:?}"))),
    }
}

/// Creates the function, or brings what exists to what is planned. Returns what was done.
async fn apply(client: &Client, plan: &Plan, exists: bool) -> Result<&'static str, Failure> {
    if exists {
        return update(client, plan).await;
    }
    let failed = |error: CallError| error.while_doing(format!("could not create {:?}", plan.name));
    if let Some(role) = plan.own_role() {
        client.ensure_function_role(role).await.map_err(failed)?;
    }
    client
        .create_function(&plan.creation())
        .await
        .map_err(failed)?;
    Ok("created")
}

async fn update(client: &Client, plan: &Plan) -> Result<&'static str, Failure> {
    let failed = |error: CallError| error.while_doing(format!("could not update {:?}", plan.name));
    let current = settled(client, &plan.name).await?;
    let changes = Changes::between(&current, plan);
    if let Some(configuration) = &changes.configuration {
        client
            .update_function_configuration(&plan.name, configuration)
            .await
            .map_err(failed)?;
        settled(client, &plan.name).await?;
    }
    if let Some(code) = &changes.code {
        client
            .update_function_code(&plan.name, code)
            .await
            .map_err(failed)?;
    }
    Ok(if changes.is_none() {
        "unchanged"
    } else {
        "updated"
    })
}

/// Waits until no creation and no update is under way.
async fn settled(client: &Client, name: &str) -> Result<Value, Failure> {
    let deadline = Instant::now() + LONGEST_SETTLING;
    loop {
        let configuration = client
            .get_function_configuration(name)
            .await
            .map_err(|error| error.while_doing(format!("could not look at {name:?}")))?;
        if !is_under_way(&configuration) {
            return succeeded(name, configuration);
        }
        if Instant::now() >= deadline {
            return Err(
                Failure::new(Exit::Failure, format!("{name:?} did not become active"))
                    .with_why(format!("its state was still {}", configuration["State"])),
            );
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

fn is_under_way(configuration: &Value) -> bool {
    configuration["State"] == "Pending" || configuration["LastUpdateStatus"] == "InProgress"
}

fn succeeded(name: &str, configuration: Value) -> Result<Value, Failure> {
    let failed = |reason: &str| {
        let why = configuration[reason]
            .as_str()
            .unwrap_or("no reason was given")
            .to_owned();
        Err(Failure::new(Exit::Failure, format!("{name:?} cannot be used")).with_why(why))
    };
    if configuration["State"] == "Failed" {
        return failed("StateReason");
    }
    if configuration["LastUpdateStatus"] == "Failed" {
        return failed("LastUpdateStatusReason");
    }
    Ok(configuration)
}

fn document(action: &str, configuration: &Value) -> Value {
    json!({ "action": action, "configuration": configuration })
}

fn text(action: &str, configuration: &Value) -> String {
    let text = |key: &str| configuration[key].as_str().unwrap_or("-");
    format!(
        "{action} {}: {} {}, {} MB, {}\ninvoke it:  firelight invoke {} --payload '{{}}'\n",
        text("FunctionName"),
        text("Runtime"),
        text("Handler"),
        configuration["MemorySize"],
        size(configuration["CodeSize"].as_u64().unwrap_or_default()),
        text("FunctionName"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_function_and_an_update_in_progress_are_waited_for() {
        assert!(is_under_way(&json!({ "State": "Pending" })));
        assert!(is_under_way(
            &json!({ "State": "Active", "LastUpdateStatus": "InProgress" })
        ));
        assert!(!is_under_way(
            &json!({ "State": "Active", "LastUpdateStatus": "Successful" })
        ));
    }

    #[test]
    fn a_failed_update_is_a_failure_with_its_reason() {
        let configuration = json!({
            "State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no disk",
        });

        let failure = succeeded("f", configuration).unwrap_err();

        assert_eq!(failure.why, ["no disk"]);
    }
}
