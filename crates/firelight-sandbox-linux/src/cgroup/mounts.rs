//! Reads `/proc/self/cgroup` and `/proc/self/mountinfo`: which hierarchies there are and where this process is.

use std::path::{Path, PathBuf};

/// One cgroup hierarchy as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// Version 1 controllers; empty for version 2.
    pub(super) controllers: Vec<String>,
    pub(super) mount: PathBuf,
    /// The directory of this process.
    pub(super) own: PathBuf,
}

/// Pairs the two files: every hierarchy that is mounted, with this process's place in it.
pub(super) fn hierarchies(cgroup: &str, mountinfo: &str) -> Vec<Hierarchy> {
    cgroup
        .lines()
        .filter_map(|line| hierarchy(line, mountinfo))
        .collect()
}

fn hierarchy(line: &str, mountinfo: &str) -> Option<Hierarchy> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let controllers: Vec<String> = controllers
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let mount = mountinfo
        .lines()
        .filter_map(Mount::parse)
        .find(|mount| mount.carries(&controllers))?;
    let inside = Path::new(path)
        .strip_prefix(&mount.root)
        .unwrap_or(Path::new(""));
    Some(Hierarchy {
        controllers,
        own: mount.point.join(inside.strip_prefix("/").unwrap_or(inside)),
        mount: mount.point,
    })
}

struct Mount {
    root: PathBuf,
    point: PathBuf,
    kind: String,
    options: String,
}

impl Mount {
    /// `36 35 98:0 /root /point opts shared:1 - type source superoptions`
    fn parse(line: &str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let mut right = right.split(' ');
        Some(Self {
            root: PathBuf::from(left.next()?),
            point: PathBuf::from(left.next()?),
            kind: right.next()?.to_owned(),
            options: right.nth(1)?.to_owned(),
        })
    }

    fn carries(&self, controllers: &[String]) -> bool {
        if controllers.is_empty() {
            return self.kind == "cgroup2";
        }
        let has = |wanted: &String| self.options.split(',').any(|option| option == wanted);
        self.kind == "cgroup" && controllers.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    #[test]
    fn each_hierarchy_is_found_with_the_process_own_directory() {
        let cgroup = "4:memory:/app/one\n1:cpu,cpuacct:/\n0::/";

        let found = hierarchies(cgroup, HYBRID_MOUNTS);

        let own: Vec<_> = found
            .iter()
            .map(|found| found.own.to_str().unwrap())
            .collect();
        assert_eq!(
            own,
            [
                "/sys/fs/cgroup/memory/app/one",
                "/sys/fs/cgroup/cpu,cpuacct/",
                "/sys/fs/cgroup/unified/"
            ]
        );
    }

    #[test]
    fn a_container_that_sees_only_its_subtree_starts_at_the_mount() {
        let mountinfo = "40 31 0:29 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

        let found = hierarchies("4:memory:/docker/abc/inner", mountinfo);

        assert_eq!(found[0].own, Path::new("/sys/fs/cgroup/memory/inner"));
    }

    #[test]
    fn a_hierarchy_that_is_not_mounted_is_left_out() {
        assert_eq!(hierarchies("4:pids:/", HYBRID_MOUNTS), []);
    }
}
