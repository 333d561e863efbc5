//! The programs that run inside: this binary again, told by its arguments which probe to be.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

/// Plays a role before the test harness starts: the launcher, or a probe inside a sandbox.
///
/// The harness owns `main`, so this is called from the table of functions that run before it.
extern "C" fn play_role() {
    firelight_sandbox_linux::run_role_if_asked();
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() == Some(OsStr::new("__probe")) {
        let name = arguments.next().unwrap_or_default();
        let code = run(&name.to_string_lossy());
        std::process::exit(i32::from(code != ExitCode::SUCCESS));
    }
}

#[used]
// SAFETY: the section is a table of functions of this type, run once before main; the standard library has its own
// entry there, which comes first and makes the arguments available.
#[unsafe(link_section = ".init_array")]
static PLAY_ROLE: extern "C" fn() = play_role;

pub(crate) fn run(name: &str) -> ExitCode {
    let done = match name {
        "status" => print_file("/proc/self/status"),
        "mounts" => print_file("/proc/self/mountinfo"),
        "environment" => print_environment(),
        "exit-7" => std::process::exit(7),
        "abort" => std::process::abort(),
        "sleep" => sleep(),
        "doze" => doze(),
        "count" => count(),
        "connect" => connect(),
        "write-tmp" => std::fs::write("/tmp/kept", "kept"),
        "read-tmp" => print_file("/tmp/kept"),
        "orphans" => orphans(),
        "names" => names(),
        "layers" => layers(),
        "signals" => signals(),
        "policy" => policy(),
        "namespaces" => namespaces().map(|names| print!("{names}")),
        "writable" => writable(),
        "root" => root(),
        "owners" => owners(),
        "services" => print_file("/etc/services"),
        "limits" => limits(),
        "descriptors" => descriptors(),
        "reopen-stdout" => std::fs::write("/dev/stdout", "again"),
        "use-64-mib" => {
            std::hint::black_box(vec![1_u8; 64 << 20]);
            Ok(())
        }
        _ => crate::hostile::probe(name)
            .or_else(|| crate::dial::probe_of_this(name))
            .or_else(|| crate::egress::probe(name))
            .or_else(|| crate::faults::probe(name))
            .or_else(|| crate::waiting::probe(name))
            .or_else(|| crate::soak::probe(name))
            .unwrap_or_else(|| Err(io::Error::other(format!("no probe is called {name}")))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_file(path: &str) -> io::Result<()> {
    print!("{}", std::fs::read_to_string(path)?);
    io::stdout().flush()
}

fn print_environment() -> io::Result<()> {
    for (name, value) in std::env::vars_os() {
        println!("{}={}", name.to_string_lossy(), value.to_string_lossy());
    }
    println!("directory {}", std::env::current_dir()?.display());
    println!("argument {}", std::env::args().nth(2).unwrap_or_default());
    Ok(())
}

fn sleep() -> ! {
    loop {
        std::thread::park();
    }
}

/// Says when it sleeps.
fn doze() -> io::Result<()> {
    io::stdout().write_all(b".")?;
    io::stdout().flush()?;
    sleep()
}

/// Uses the CPU for ever, after a sign of life.
fn count() -> io::Result<()> {
    loop {
        io::stdout().write_all(b".")?;
        io::stdout().flush()?;
        std::hint::black_box((0..1_000_000_u64).sum::<u64>());
    }
}

fn connect() -> io::Result<()> {
    let mut connection = TcpStream::connect("169.254.100.1:9001")?;
    connection.write_all(b"hello")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    print!("{answer}");
    io::stdout().flush()
}

/// Leaves a grandchild behind that ignores what it can, then waits.
fn orphans() -> io::Result<()> {
    let own = std::env::current_exe()?;
    std::process::Command::new(own)
        .args(["__probe", "sleep"])
        .spawn()?;
    io::stdout().write_all(b"ready\n")?;
    io::stdout().flush()?;
    sleep()
}

fn names() -> io::Result<()> {
    let name = rustix::system::uname();
    let tmp = rustix::fs::statvfs("/tmp")?;
    let hosts = std::fs::read_to_string("/etc/hosts")?;
    let line = hosts
        .lines()
        .find(|line| line.contains(name.nodename().to_str().unwrap_or("?")));
    let address = line
        .and_then(|line| line.split(' ').next())
        .unwrap_or("unresolved");
    println!(
        "{} {} {address}",
        name.nodename().to_string_lossy(),
        tmp.f_bavail * tmp.f_frsize
    );
    Ok(())
}

fn layers() -> io::Result<()> {
    let read = |name: &str| std::fs::read_to_string(format!("/opt/{name}"));
    println!("{} {} {}", read("both")?, read("only0")?, read("only1")?);
    Ok(())
}

/// Prints the number of the scheduling policy: field 41, which is the 39th behind the name.
fn policy() -> io::Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().unwrap_or_default();
    println!("{}", behind.split_whitespace().nth(38).unwrap_or_default());
    Ok(())
}

fn signals() -> io::Result<()> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    // glibc's posix_spawn leaves its two internal signals ignored in every program it starts.
    const INTERNAL: u64 = 0b11 << 31;
    let field = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default();
        let bits = u64::from_str_radix(line.trim(), 16).map(|bits| bits & !INTERNAL);
        bits.map_or("?", |bits| if bits == 0 { "none" } else { "some" })
    };
    let parent = std::os::unix::process::parent_id();
    println!(
        "ignored {} blocked {} parent {parent}",
        field("SigIgn:"),
        field("SigBlk:")
    );
    Ok(())
}

/// The namespaces of this process, one a line.
pub(crate) fn namespaces() -> io::Result<String> {
    let mut names = String::new();
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
        let link = std::fs::read_link(format!("/proc/self/ns/{name}"))?;
        names.push_str(&link.to_string_lossy());
        names.push('\n');
    }
    Ok(names)
}

/// Every directory of the tree where a file can be made.
fn writable() -> io::Result<()> {
    let mut found = Vec::new();
    let mut open = vec![std::path::PathBuf::from("/")];
    while let Some(dir) = open.pop() {
        let file = dir.join(".probe");
        if std::fs::write(&file, "").is_ok() {
            std::fs::remove_file(&file)?;
            found.push(dir.display().to_string());
        }
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        let below = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        // Libraries are thousands of directories of one read-only mount; the process table changes under the walk.
        let skip = |path: &std::path::Path| {
            path.starts_with("/usr/lib")
                || path.starts_with("/lib")
                || path.starts_with("/proc/self")
        };
        open.extend(below.map(|entry| entry.path()).filter(|path| !skip(path)));
    }
    found.sort();
    println!("{}", found.join("\n"));
    Ok(())
}

fn root() -> io::Result<()> {
    for dir in ["/", "/dev"] {
        let mut names = std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        println!("{}", names.join(" "));
    }
    Ok(())
}

fn owners() -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    for path in ["/", "/var/task", "/etc/passwd", "/tmp"] {
        let found = std::fs::metadata(path)?;
        println!(
            "{path} {} {} {:o}",
            found.uid(),
            found.gid(),
            found.mode() & 0o7777
        );
    }
    let program = std::fs::metadata("/var/task/probe")?;
    println!("/var/task/probe {} {}", program.uid(), program.gid());
    Ok(())
}

/// Every open descriptor and what it is, found without opening one more.
fn descriptors() -> io::Result<()> {
    for number in 0..4096 {
        if let Ok(target) = std::fs::read_link(format!("/proc/self/fd/{number}")) {
            println!("{number} {}", target.display());
        }
    }
    Ok(())
}

fn limits() -> io::Result<()> {
    use rustix::process::{Resource, getrlimit};
    let shown = [
        ("files", Resource::Nofile),
        ("core", Resource::Core),
        ("memlock", Resource::Memlock),
        ("processes", Resource::Nproc),
    ]
    .map(|(name, resource)| {
        let limit = getrlimit(resource);
        let text = |value: Option<u64>| value.map_or("none".to_owned(), |value| value.to_string());
        format!("{name} {} {}", text(limit.current), text(limit.maximum))
    });
    println!("{}", shown.join(" "));
    Ok(())
}
