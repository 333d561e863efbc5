//! Sandboxes of this host: what they stand on, and the driver that makes them.

use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firelight_control::Preparer;
use firelight_invoke::{DataPlane, ProvisionError, ZipGround};
use firelight_model::{FunctionVersion, Reason};
use firelight_package::{CacheOptions, ExtractedPackages, FileModes, Limits};
use firelight_runtimes::{Ground, Inventory, Layout, SearchPaths};
use firelight_sandbox::ListenAt;
use firelight_sandbox_linux::{
    EGRESS_NAT, HostNetwork, LinuxConfig, LinuxDriver, TMP_ON_DISK, Wall,
};
use firelight_store::{BlobDigest, DataDir, DirectoryBlobs};
use sha2::{Digest, Sha256};

use super::egress::EgressNetwork;
use super::failed;
use super::user::DaemonUser;
use crate::config::{EgressConfig, Mode, Network, ServerConfig};
use crate::failure::{Exit, Failure};

/// Extracted packages that nobody uses are kept up to this size.
const PACKAGE_CACHE_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// Sandboxes kept ready ahead of demand.
const BLANK_SANDBOXES: u32 = 4;
/// What functions get that say nothing about their ephemeral storage.
const USUAL_TMP_BYTES: u64 = 512 * 1024 * 1024;

/// What sandboxes stand on: the interpreters of this host and the bootstraps of ours.
pub struct HostGround {
    inventory: Arc<Inventory>,
    ground: Ground,
    layout: Layout,
    runtimes_dir: PathBuf,
}

impl HostGround {
    /// Looks at the host and writes the bootstraps.
    pub fn find(config: &ServerConfig, data: &DataDir) -> Result<Self, Failure> {
        let inventory = inventory(config)?;
        let runtimes_dir = data.root().join("runtimes");
        let layout =
            Layout::install(&runtimes_dir).map_err(failed("could not write the bootstraps"))?;
        for interpreter in inventory.found() {
            layout.compile_for(interpreter);
        }
        // The launcher opens what it may show at its start, so it has to be there by then.
        std::fs::create_dir_all(data.cache()).map_err(failed("could not make the cache"))?;
        let ground = Ground::of_this_host();
        Ok(Self {
            inventory: Arc::new(inventory),
            ground,
            layout,
            runtimes_dir,
        })
    }

    pub fn inventory(&self) -> Arc<Inventory> {
        Arc::clone(&self.inventory)
    }

    pub fn zip_ground(
        &self,
        packages: ExtractedPackages<DirectoryBlobs>,
    ) -> ZipGround<DirectoryBlobs> {
        ZipGround::new(
            packages,
            self.inventory(),
            self.ground.clone(),
            self.layout.clone(),
        )
    }

    /// Everything of the host that a sandbox may ever be shown.
    fn sources(&self, data: &DataDir) -> Vec<PathBuf> {
        let mapped = self.inventory.mapped().values();
        let interpreters = self.inventory.found().iter().chain(mapped);
        let mut sources: Vec<PathBuf> = interpreters
            .flat_map(|interpreter| interpreter.mounts())
            .chain(self.ground.mounts().iter().cloned())
            .map(|mount| mount.source)
            .chain([self.runtimes_dir.clone(), data.cache()])
            .collect();
        sources.sort();
        sources.dedup();
        sources
    }
}

/// The interpreters of this host, with what the configuration maps.
pub fn inventory(config: &ServerConfig) -> Result<Inventory, Failure> {
    let path = std::env::var_os("PATH");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut inventory = Inventory::discover(&SearchPaths::usual(path.as_deref(), home));
    for (runtime, path) in &config.runtimes {
        inventory.map(runtime.as_str(), path).map_err(|error| {
            Failure::because(Exit::Usage, format!("could not map {runtime}"), &error)
        })?;
    }
    Ok(inventory)
}

/// Starts the launcher and judges the walls it found.
pub fn start_driver(
    config: &ServerConfig,
    user: &DaemonUser,
    data: &DataDir,
    ground: &HostGround,
) -> Result<(LinuxDriver, Option<EgressNetwork>), Failure> {
    let address = firelight_invoke::RUNTIME_API
        .parse()
        .expect("the constant is an address");
    let internet = config.sandbox.network == Network::Internet;
    let preferred = digest(data)[8];
    let ranges = &config.egress.networks;
    let egress = internet
        .then(|| EgressNetwork::take(ranges, preferred))
        .flatten();
    let linux = LinuxConfig {
        instance: instance(data),
        state_dir: state_dir(user, data),
        image_dir: data.root().join("launcher"),
        allowed_sources: ground.sources(data),
        first_host_id: LinuxConfig::DEFAULT_FIRST_HOST_ID,
        blank_sandboxes: BLANK_SANDBOXES,
        listen_at: ListenAt(address),
        host_name: "localhost".into(),
        tmp_bytes: USUAL_TMP_BYTES,
        tmp_inodes: USUAL_TMP_BYTES / 4096,
        host_network: match config.sandbox.network {
            Network::Host => HostNetwork::Allowed,
            Network::None | Network::Internet => HostNetwork::Refused,
        },
        egress_network: egress
            .as_ref()
            .map(|network| way_out(&config.egress, network.address)),
    };
    let driver = LinuxDriver::start(&linux).map_err(failed("could not start the launcher"))?;
    judge_walls(config, &driver)?;
    Ok((driver, egress))
}

/// The network and its rules; the policies of tags have the numbers of their places.
fn way_out(config: &EgressConfig, address: Ipv4Addr) -> firelight_sandbox_linux::EgressNetwork {
    let policies = config.tags.iter().map(|policy| policy.rules.clone());
    firelight_sandbox_linux::EgressNetwork {
        address,
        rules: config.rules.clone(),
        policies: policies.collect(),
        api: config.api,
    }
}

/// Says which walls stand and which are missing; an operator must have accepted each missing one by its name.
fn judge_walls(config: &ServerConfig, driver: &LinuxDriver) -> Result<(), Failure> {
    let mut refused = Vec::new();
    for wall in driver.report().missing() {
        tracing::warn!(
            wall = wall.name,
            reason = wall.reason,
            remedy = wall.remedy,
            "a wall is missing"
        );
        if must_be_accepted(config, wall) {
            refused.push(wall);
        }
    }
    let standing = driver.report().walls.iter().filter(|wall| wall.stands);
    let names: Vec<_> = standing.map(|wall| &*wall.name).collect();
    tracing::info!(walls = names.join(" "), "these walls stand");
    if refused.is_empty() || config.mode == Mode::Dev {
        return Ok(());
    }
    let names: Vec<_> = refused.iter().map(|wall| &*wall.name).collect();
    let reasons = refused
        .iter()
        .map(|wall| format!("{}: {} ({})", wall.name, wall.reason, wall.remedy));
    let what = "this host cannot enforce every wall, and the configuration does not accept that";
    let accept = format!("to go on without, --accept-missing {}", names.join(","));
    Err(Failure::new(Exit::HostLacks, what)
        .with_why(reasons.collect::<Vec<_>>().join("\n"))
        .with_remedy(accept))
}

/// Whether going on without this wall is a decision: not if it was made already, or if nothing is less safe.
fn must_be_accepted(config: &ServerConfig, wall: &Wall) -> bool {
    let internet = config.sandbox.network == Network::Internet;
    let matters = match &*wall.name {
        EGRESS_NAT => internet,
        TMP_ON_DISK => false,
        _ => true,
    };
    matters && !config.sandbox.accept_missing.contains(&*wall.name)
}

/// Where the launcher keeps what it believes at its next start. A daemon that is another user owns the data directory.
fn state_dir(user: &DaemonUser, data: &DataDir) -> PathBuf {
    if user.is_other() {
        Path::new("/run/firelight").join(instance(data))
    } else {
        data.root().join("launcher")
    }
}

/// Names the data directory in cgroups: the same after each restart, and different for each directory.
fn instance(data: &DataDir) -> String {
    digest(data)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn digest(data: &DataDir) -> [u8; 32] {
    let path = data
        .root()
        .canonicalize()
        .unwrap_or_else(|_| data.root().to_owned());
    Sha256::digest(path.as_os_str().as_bytes()).into()
}

pub fn packages(
    data: &DataDir,
    blobs: DirectoryBlobs,
) -> Result<ExtractedPackages<DirectoryBlobs>, Failure> {
    let options = CacheOptions {
        budget_bytes: PACKAGE_CACHE_BYTES,
        limits: Limits::LAMBDA,
        // Archives made by programs often let only their owner read, and whoever made one meant it to run.
        modes: FileModes::Readable,
    };
    ExtractedPackages::open(data.cache().join("packages"), blobs, options)
        .map_err(failed("could not open the package cache"))
}

/// Makes versions ready: their packages are extracted before they become active, so that the first start finds them, and
/// provisioned environments are brought up.
pub struct Readiness {
    pub packages: ExtractedPackages<DirectoryBlobs>,
    pub data_plane: DataPlane<LinuxDriver>,
}

impl Preparer for Readiness {
    async fn prepare(&self, version: &FunctionVersion) -> Result<(), Reason> {
        let Some(zip) = version.zip() else {
            return Ok(());
        };
        let layers = zip.layers.iter().map(|layer| &layer.code);
        for code in std::iter::once(&zip.code).chain(layers) {
            let digest = BlobDigest::from_bytes(*code.sha256.as_bytes());
            self.packages.provide(digest).await.map_err(|error| {
                tracing::error!(function = %version.arn, error = &error as &dyn std::error::Error, "package cannot be used");
                Reason { code: "InvalidZipFileException".into(), text: error.to_string() }
            })?;
        }
        // What was just made or changed is likely to be invoked next.
        self.data_plane.expect(&Arc::new(version.clone())).await;
        Ok(())
    }

    async fn provision(&self, version: &FunctionVersion, count: u32) -> Result<(), Reason> {
        let provisioned = self.data_plane.provision(&version.key(), count).await;
        provisioned.map_err(|error| Reason {
            code: match error {
                ProvisionError::InitFailed => "FUNCTION_ERROR_INIT_FAILURE".into(),
                ProvisionError::NoSuchVersion => "FUNCTION_NOT_FOUND".into(),
            },
            text: error.to_string(),
        })
    }
}
