//! What ip(8) hears of changes of routes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::namespace::ip;

/// Nobody else's route.
const MARK: &str = "203.0.113.254";

/// `ip monitor route`, ended with the test.
pub struct Monitor {
    program: Child,
    lines: Receiver<String>,
}

impl Monitor {
    /// Hears of every change when this returns: what ip(8) hears while it begins, it may lose.
    pub fn start() -> Self {
        let mut program = Command::new("ip")
            .args(["monitor", "route"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip(8) is there");
        let output = BufReader::new(program.stdout.take().expect("is a pipe"));
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let monitor = Self { program, lines };
        let hears = || {
            ip(&format!("route add blackhole {MARK}"));
            ip(&format!("route del blackhole {MARK}"));
            let moment = Duration::from_millis(50);
            monitor.lines.recv_timeout(moment).is_ok()
        };
        let ready = super::until(Duration::from_secs(5), hears);
        assert!(ready.is_some(), "ip monitor hears");
        monitor
    }

    /// The lines up to the first that is about `last`.
    pub fn told_before(self, last: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(5));
            let line = line.expect("it is told of the last");
            if line.contains(last) {
                return told;
            }
            if !line.contains(MARK) {
                told.push(line);
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
