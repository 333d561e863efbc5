//! Which blobs records name, so that all others can go.

use std::collections::HashSet;

use firelight_model::{CodeSha256, FunctionVersion};

use super::{FunctionEntry, View};

impl View {
    /// Returns the digest of every package that a function, a version or a layer needs.
    pub fn referenced_code(&self) -> HashSet<CodeSha256> {
        let tables = self.read();
        let mut referenced = HashSet::new();
        for scope in tables.scopes() {
            let functions = scope.functions.values();
            referenced.extend(
                functions
                    .flat_map(|entry| executables(entry))
                    .flat_map(code_of),
            );
            let layers = scope
                .layers
                .values()
                .flat_map(|layer| layer.versions.values());
            referenced.extend(layers.map(|version| version.record.code.sha256));
        }
        referenced
    }
}

fn executables(entry: &FunctionEntry) -> impl Iterator<Item = &FunctionVersion> {
    let versions = entry.versions.values().map(|version| &*version.executable);
    versions.chain([&*entry.latest])
}

fn code_of(version: &FunctionVersion) -> impl Iterator<Item = CodeSha256> {
    let zip = version.zip();
    let layers = zip
        .into_iter()
        .flat_map(|zip| &zip.layers)
        .map(|layer| layer.code.sha256);
    zip.map(|zip| zip.code.sha256).into_iter().chain(layers)
}
