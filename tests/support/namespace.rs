//! Network namespaces of the test's own, joined by virtual cables. Nothing of the machine's network
//! is touched, and nothing is left behind: a namespace ends with the process that holds it, and
//! that ends with the test.

use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::{fs, panic, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, with its loopback interface up.
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// Makes one; `None`, with the reason printed, without the privilege to.
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            super::skip("network namespaces need root");
            return None;
        }
        // `cat` ends when the pipe from this process is closed, however this process ends.
        let mut holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo ready && exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1) of util-linux is there");
        let output = holder.stdout.take().expect("is a pipe");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("can be read");
        if line != "ready\n" {
            let _ = holder.wait();
            super::skip("unshare --net is not allowed here");
            return None;
        }
        Some(Self { holder })
    }

    /// Runs `work` in the namespace, on a thread of its own; so do the processes and threads that
    /// it starts.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/proc/{}/ns/net", self.holder.id());
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let namespace = fs::File::open(path).expect("the holder lives");
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).expect("is allowed");
                work()
            });
            worker
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic))
        })
    }

    /// Runs `ip ARGUMENTS` in the namespace.
    pub fn ip(&self, arguments: &str) {
        self.run(|| {
            ip(arguments);
        });
    }

    /// Lays a cable to `other`: here it is called `here`, there `there`. Both ends get their
    /// addresses, as `ADDRESS/LENGTH`, and know each other's hardware address, so that no neighbour
    /// discovery from a banned address is needed.
    pub fn cable(&self, here: &str, other: &Self, there: &str) {
        let pid = other.holder.id();
        self.ip(&format!(
            "link add {here} address 02:00:00:00:00:01 type veth \
             peer name {there} address 02:00:00:00:00:02 netns {pid}"
        ));
        self.ip(&format!("link set {here} up"));
        other.ip(&format!("link set {there} up"));
    }
}

/// Runs `ip ARGUMENTS` where this thread is, which must succeed; its output.
pub fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("ip(8) is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {errors}");
    String::from_utf8(output.stdout).expect("is text")
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
