//! The part of the host that every sandbox sees: programs, libraries, time zones and certificates, all public.
//!
//! Deliberately absent: anything of the host's configuration, users, secrets or data.

use std::fs;
use std::path::Path;

use firelight_sandbox::ReadOnlyMount;

/// Shown at their own paths where the host has them.
const SAME_PATH: [&str; 16] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    // Debian's Node.js keeps parts of itself here.
    "/usr/share/nodejs",
    "/etc/ssl/certs",
    "/etc/alternatives",
    // Without it the loader searches every library directory at each start.
    "/etc/ld.so.cache",
    "/etc/pki/tls/certs",
];

/// Where distributions keep the certificates of the public authorities in one file.
const BUNDLES: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// What of this host every sandbox sees.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    pub(crate) mounts: Vec<ReadOnlyMount>,
}

impl Ground {
    /// Looks at the host once; the answer serves every sandbox.
    pub fn of_this_host() -> Self {
        let mut mounts: Vec<_> = SAME_PATH
            .iter()
            .filter_map(|path| shown(path, path))
            .collect();
        let has_own_bundle = Path::new(BUNDLES[0]).exists();
        if !has_own_bundle {
            // AWS has the bundle there, and programs built for it look there.
            mounts.extend(BUNDLES[1..].iter().find_map(|path| shown(path, BUNDLES[0])));
        }
        Self { mounts }
    }

    pub fn mounts(&self) -> &[ReadOnlyMount] {
        &self.mounts
    }
}

/// A mount of what a host path leads to, if it leads anywhere.
fn shown(source: &str, target: &str) -> Option<ReadOnlyMount> {
    let source = fs::canonicalize(source).ok()?;
    Some(ReadOnlyMount {
        source,
        target: target.into(),
    })
}
