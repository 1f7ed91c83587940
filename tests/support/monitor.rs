//! What ip(8) hears of changes of routes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `ip monitor route`, ended with the test.
pub struct Monitor(Child);

impl Monitor {
    /// Listens when this returns.
    pub fn start() -> Self {
        let monitor = Command::new("ip")
            .args(["monitor", "route"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip(8) is there");
        let monitor = Self(monitor);
        let pid = monitor.0.id().to_string();
        let listens = || {
            let sockets = fs::read_to_string("/proc/thread-self/net/netlink").expect("readable");
            // The socket, its protocol, its port, its groups.
            sockets.lines().any(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                columns[2] == pid && columns[3] != "00000000"
            })
        };
        let ready = super::until(Duration::from_secs(5), listens);
        assert!(ready.is_some(), "ip monitor listens");
        monitor
    }

    /// The lines up to the first that is about `last`.
    pub fn told_before(mut self, last: &str) -> Vec<String> {
        let output = self.0.stdout.take().expect("is a pipe");
        let lines = BufReader::new(output).lines();
        lines
            .map(|line| line.expect("text"))
            .take_while(|line| !line.contains(last))
            .collect()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
