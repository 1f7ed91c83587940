//! Who administers the machine does not lock himself out while he is logged in; and nobody else is
//! spared for it.

use std::process::{Child, Stdio};

use crate::container::Container;
use crate::network::{ATTACKER, VICTIM, set_up};
use crate::setup::{enforces, failure_line, install, log_as_sshd, sshd_count};

/// Debian's sshd takes passwords of root only if it is told to.
const ROOT_MAY: &str = "
    echo root:right | chpasswd
    echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/root.conf
    systemctl reload ssh.service";

/// A login that lasts until it is dropped.
struct Login<'c> {
    client: Child,
    container: &'c Container,
}

impl<'c> Login<'c> {
    /// Logs in from the attacker's address, with a terminal.
    fn begin(container: &'c Container, user: &str) -> Self {
        let client = container
            .command("ip")
            .args(["netns", "exec", "attacker", "sshpass", "-p", "right"])
            .args(["ssh", "-F", "/dev/null", "-tt", "-b", ATTACKER, "-l", user])
            .args(["-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null"])
            .args([VICTIM[0], "touch /tmp/in-$USER; exec sleep 600"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter is part of util-linux");
        container.wait_for("the login", || {
            container
                .run(&format!("rm /tmp/in-{user}"))
                .status
                .success()
        });
        Self { client, container }
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        // sshpass passes nothing on, so the client itself is ended.
        let _ = self.container.run("pkill -x ssh");
        let _ = self.client.wait();
    }
}

fn says(container: &Container, what: &str) -> usize {
    let log = container.sh("journalctl -u journalban -o cat --no-pager");
    log.lines().filter(|line| line.contains(what)).count()
}

fn fail(container: &Container, times: usize) {
    log_as_sshd(container, (0..times).map(|n| failure_line(ATTACKER, n)));
}

const IN: &str = "root is logged in from 192.0.2.66";
const OUT: &str = "root is no longer logged in from 192.0.2.66";

/// Twenty failures while root is logged in ban nobody, three after it do.
fn is_spared_while_logged_in(container: &Container) {
    let ignored = sshd_count(container, "total_ignored");
    let (came, went) = (says(container, IN), says(container, OUT));
    let login = Login::begin(container, "root");
    let took = container.wait_for("the session to be seen", || says(container, IN) > came);
    println!("the session was seen {took:.2?} after the login");
    fail(container, 20);
    container.wait_for("twenty failures to be ignored", || {
        sshd_count(container, "total_ignored") == ignored + 20
    });
    assert_eq!(sshd_count(container, "currently_banned"), 0);

    drop(login);
    let took = container.wait_for("the logout to be seen", || says(container, OUT) > went);
    println!("its end was seen after {took:.2?}");
    fail(container, 3);
    container.wait_for("the ban", || enforces(container, ATTACKER));
    container.sh(&format!("journalban unban {ATTACKER}"));
}

#[test]
fn an_administrator_is_not_banned_while_he_is_logged_in() {
    let Some(container) = Container::boot("sessions") else {
        return;
    };
    set_up(&container);
    container.sh(ROOT_MAY);
    container.sh("systemctl start dbus.service systemd-logind.service");
    install(&container, "maxretry = 3\nbantime = \"1h\"\n");

    println!("by logind:");
    is_spared_while_logged_in(&container);

    // Anybody else's session spares nobody.
    let login = Login::begin(&container, "alice");
    fail(&container, 3);
    container.wait_for("the ban", || enforces(&container, ATTACKER));
    container.sh(&format!("journalban unban {ATTACKER}"));
    drop(login);

    container.write(
        "/etc/journalban/jail.d/99.toml",
        "[sshd]\nignore_sessions = false\n",
    );
    container.sh("systemctl reload journalban");
    let login = Login::begin(&container, "root");
    fail(&container, 3);
    container.wait_for("the ban", || enforces(&container, ATTACKER));
    // Let in again first: sshd would not be told of the end.
    container.sh(&format!(
        "journalban unban {ATTACKER} && rm /etc/journalban/jail.d/99.toml && \
         systemctl reload journalban"
    ));
    drop(login);

    // A machine without logind.
    container.sh(
        "systemctl mask --now --runtime systemd-logind.service && rm -f /run/systemd/sessions/*",
    );
    container.wait_for("all to be logged out", || {
        says(&container, OUT) == says(&container, IN)
    });
    println!("by utmp:");
    is_spared_while_logged_in(&container);
}
