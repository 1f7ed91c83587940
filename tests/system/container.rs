//! A booted systemd to test in: a container over an overlay of this machine's own root.
//!
//! All that a test changes lies on a tmpfs in a mount namespace, all that it starts runs in a
//! process namespace; both end with the process that [`Container::boot`] starts, and that one ends
//! with the test, however the test ends. Networks are made inside the container. Nothing of it is
//! to be seen on the machine, except a control group, which is removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a boot, or anything that a test waits for, may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at while waiting for it.
const POLL: Duration = Duration::from_millis(5);

/// Mounts the overlay at `$WHERE`, enters a control group of its own where no systemd gives it one,
/// and becomes systemd-nspawn. `basic.target`, not `default.target`: the machine's own services
/// (databases, mail) have no business in here.
const BOOT: &str = r#"
set -eu
mount -t tmpfs -o mode=0755 tmpfs "$WHERE"
mkdir "$WHERE/upper" "$WHERE/work" "$WHERE/root"
mount -t overlay -o "lowerdir=/,upperdir=$WHERE/upper,workdir=$WHERE/work" overlay "$WHERE/root"
root=$WHERE/root
rm -rf "$root/etc/machine-id" "$root/var/log/journal" "$root/var/lib/journalban" \
    "$root/etc/journalban" "$root/etc/nftables.conf"
echo uninitialized >"$root/etc/machine-id"
mkdir -p "$root/var/log/journal" "$root/etc/systemd/journald.conf.d"
printf '%s\n' '[Journal]' Storage=persistent RateLimitIntervalSec=0 SyncIntervalSec=0 \
    SystemMaxUse=8G SystemKeepFree=1M SystemMaxFiles=100000 \
    >"$root/etc/systemd/journald.conf.d/test.conf"
if [ ! -S /run/systemd/private ]; then
    for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -e "$top/cgroup.procs" ] || continue
        mkdir -p "$top/$GROUP"
        echo $$ >"$top/$GROUP/cgroup.procs"
    done
fi
exec systemd-nspawn --quiet --machine="$GROUP" --register=no --keep-unit --directory="$root" \
    --private-network --console=pipe --link-journal=no \
    --bind-ro="$SOURCE:/mnt/source" --bind-ro="$BINARY:/mnt/journalban" \
    --boot systemd.unit=basic.target </dev/null
"#;

/// One container at a time: some tests measure, and the others would be in their way.
static TURN: Mutex<()> = Mutex::new(());

/// A booted systemd.
pub struct Container {
    /// setpriv, then unshare; its end is the end of everything in the container.
    guard: Child,
    /// The container's PID 1, as this machine numbers it.
    leader: u32,
    /// The name of its control group.
    group: String,
    /// Where the overlay is mounted, in the guard's mount namespace only.
    _mount_point: tempfile::TempDir,
    /// Its turn, given up last.
    _turn: MutexGuard<'static, ()>,
}

impl Container {
    /// Boots a container in which the project's tree is at `/mnt/source` and the program under test
    /// at `/mnt/journalban`. `None`, with a line that says why, if this machine cannot do that.
    ///
    /// # Panics
    /// Where skipping is not allowed (`JOURNALBAN_NO_SKIP=1`), or if the boot fails.
    pub fn boot(name: &str) -> Option<Self> {
        if let Some(why) = obstacle() {
            assert!(
                std::env::var_os("JOURNALBAN_NO_SKIP").is_none(),
                "{name} must not be skipped here: {why}"
            );
            println!("skipped: {why}");
            return None;
        }
        // Poisoned is that another test failed, which is nothing to this one.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mount_point = tempfile::tempdir().expect("a directory for the overlay");
        let group = format!("journalban-{name}-{}", std::process::id());
        let mut guard = Command::new(if has_systemd() { "systemd-run" } else { "env" });
        if has_systemd() {
            guard.args(["--scope", "--quiet", "--property=Delegate=yes", "--"]);
        }
        let mut guard = guard
            .args([
                "setpriv",
                "--pdeathsig",
                "KILL",
                "--",
                "unshare",
                "--mount",
                "--pid",
            ])
            .args([
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--",
                "sh",
                "-c",
                BOOT,
            ])
            .env("WHERE", mount_point.path())
            .env("GROUP", &group)
            .env("SOURCE", env!("CARGO_MANIFEST_DIR"))
            .env("BINARY", env!("CARGO_BIN_EXE_journalban"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv and unshare are part of util-linux");
        let started = Instant::now();
        let leader = loop {
            if let Some(leader) = leader(guard.id()) {
                break leader;
            }
            let ended = guard.try_wait().expect("our own child");
            assert!(ended.is_none(), "systemd-nspawn ended: {ended:?}");
            assert!(
                started.elapsed() < PATIENCE,
                "systemd-nspawn started no systemd"
            );
            thread::sleep(POLL);
        };
        let container = Self {
            guard,
            leader,
            group,
            _mount_point: mount_point,
            _turn: turn,
        };
        container.wait_for("the boot", || {
            let state = container.run("systemctl is-system-running");
            matches!(state.stdout.trim_ascii(), b"running" | b"degraded")
        });
        println!("booted in {:.2} s", started.elapsed().as_secs_f64());
        Some(container)
    }

    /// A program in the container, as root, with the container's environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg("--target")
            .arg(self.leader.to_string())
            .args([
                "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--",
            ])
            .arg(program)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs a shell script in the container and tells how it ended.
    pub fn run(&self, script: &str) -> Output {
        let mut command = self.command("sh");
        command
            .args(["-c", script])
            .output()
            .expect("nsenter is part of util-linux")
    }

    /// Runs a shell script that must succeed; what it wrote to standard output.
    pub fn sh(&self, script: &str) -> String {
        let output = self.run(script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{script}: {}\n{errors}",
            output.status
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Where this machine sees a file of the container.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.leader))
    }

    /// Writes a file in the container, and the directories above it.
    pub fn write(&self, path: &str, text: &str) {
        let inside = self.path(path);
        fs::create_dir_all(inside.parent().expect("a path below /")).expect(path);
        fs::write(&inside, text).expect(path);
    }

    /// Polls until `met`; returns how long that took.
    ///
    /// # Panics
    /// When patience ends; with the end of the container's log.
    pub fn wait_for(&self, what: &str, met: impl Fn() -> bool) -> Duration {
        self.wait_long_for(what, PATIENCE, met)
    }

    /// [`wait_for`](Self::wait_for) with another patience.
    pub fn wait_long_for(
        &self,
        what: &str,
        patience: Duration,
        met: impl Fn() -> bool,
    ) -> Duration {
        let started = Instant::now();
        loop {
            if met() {
                return started.elapsed();
            }
            if started.elapsed() > patience {
                let log = self.run("journalctl --no-pager -n 50; nft list ruleset | head -50");
                panic!(
                    "no sign of {what}; {}",
                    String::from_utf8_lossy(&log.stdout)
                );
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Failing to clean up is not worth a second panic; the next line frees everything else.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        for top in [
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/systemd",
            "/sys/fs/cgroup/unified",
        ] {
            remove_group(&Path::new(top).join(&self.group));
        }
    }
}

/// Why no container can be booted here.
fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("booting a container needs root".to_owned());
    }
    [
        "systemd-nspawn",
        "setpriv",
        "unshare",
        "nsenter",
        "nft",
        "ip",
        "sshpass",
        "/usr/sbin/sshd",
    ]
    .iter()
    .find(|program| {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$0\"", program])
            .output();
        !found.is_ok_and(|output| output.status.success())
    })
    .map(|program| format!("{program} is not installed (make deps)"))
}

/// Whether systemd is this machine's PID 1: whether its own socket is there. The directory that
/// `sd_booted(3)` asks for is also made by `systemctl mask --runtime` without any systemd, as in deps.sh.
fn has_systemd() -> bool {
    Path::new("/run/systemd/private").exists()
}

/// The systemd among the descendants of a process.
fn leader(pid: u32) -> Option<u32> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    if name.trim_end() == "systemd" {
        return Some(pid);
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children
        .split_whitespace()
        .find_map(|child| leader(child.parse().ok()?))
}

/// Removes a control group and those below it. Its processes are dead but may not be reaped yet.
fn remove_group(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    let started = Instant::now();
    while path.exists() && fs::remove_dir(path).is_err() && started.elapsed() < PATIENCE {
        thread::sleep(POLL);
    }
}
