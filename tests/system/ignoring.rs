//! What is ignored follows the world: a name whose address changes, a file that is edited, an
//! address that the machine takes on while it is banned.

use std::time::Duration;

use crate::container::Container;
use crate::name_server;
use crate::setup::{enforces, failure_line, install, listed, log_as_sshd, sshd_count};

const NAME: &str = "home.example.org";
const FILE: &str = "/etc/journalban/ignored";

/// What `man journalban.toml` promises, and a little for a machine that is busy.
const FOR_A_NAME: Duration = Duration::from_secs(60 + 10);
const FOR_A_FILE: Duration = Duration::from_secs(1 + 4);
const FOR_AN_OWN_ADDRESS: Duration = Duration::from_secs(4);

/// Has the address fail once more than is allowed.
fn fail(container: &Container, address: &str) {
    log_as_sshd(container, (0..3).map(|n| failure_line(address, n)));
}

fn banned(container: &Container, address: &str) {
    fail(container, address);
    container.wait_for(&format!("the ban of {address}"), || {
        enforces(container, address)
    });
}

/// Has the address fail, and waits until all of that was ignored.
fn ignored(container: &Container, address: &str) {
    let before = sshd_count(container, "total_ignored");
    fail(container, address);
    container.wait_for(&format!("{address} to be ignored"), || {
        sshd_count(container, "total_ignored") == before + 3
    });
    assert!(!listed(container).contains(&address.to_owned()));
}

fn log_says(container: &Container, what: &str) -> bool {
    container
        .sh("journalctl -u journalban -o cat --no-pager")
        .contains(what)
}

fn hosts(container: &Container, address: &str) {
    container.sh(&format!(
        "sed -i '/{NAME}/d' /etc/hosts; echo '{address} {NAME}' >>/etc/hosts"
    ));
}

#[test]
fn bans_end_when_their_address_is_ignored_by_then() {
    let Some(container) = Container::boot("ignoring") else {
        return;
    };
    hosts(&container, "198.51.100.5");
    name_server::serve(&container, [198, 51, 100, 40].into());
    container.write(FILE, "198.51.100.10\n");
    install(
        &container,
        &format!("maxretry = 3\nbantime = \"1h\"\nignoreip = [\"{NAME}\", \"file:{FILE}\"]\n"),
    );
    container.wait_for("the name", || {
        log_says(&container, "now; before: not known")
    });
    ignored(&container, "198.51.100.5");
    ignored(&container, "198.51.100.10");
    let instances = "systemctl --no-legend --plain list-units 'journalban-resolve@*.service'";
    assert_eq!(container.sh(instances).lines().count(), 1, "one helper");
    let by = container.sh("systemctl show -P NAccepted journalban-resolve.socket");
    assert_eq!(by.trim(), "1", "one connection");

    let addresses = ["198.51.100.6", "198.51.100.20", "198.51.100.30"];
    for address in addresses {
        banned(&container, address);
    }
    let ends = |address: &str, within: Duration| {
        let took = container.wait_long_for(&format!("{address} to be let in"), within, || {
            !enforces(&container, address)
        });
        println!("{address} was let in after {took:.2?}");
        container.wait_for("the log to tell", || {
            log_says(
                &container,
                &format!("unbanned {address}: it is ignored now"),
            )
        });
        ignored(&container, address);
    };
    hosts(&container, "198.51.100.6");

    container.sh("ip address add 198.51.100.30/32 dev lo");
    ends("198.51.100.30", FOR_AN_OWN_ADDRESS);

    // A slip changes nothing, and is told; what follows is moved into its place.
    container.write(FILE, "198.51.100.20\n198.51.100\n");
    container.wait_for("the slip to be told", || {
        log_says(
            &container,
            &format!("{FILE}:2: \"198.51.100\" is no address"),
        )
    });
    assert!(enforces(&container, "198.51.100.20"));
    ignored(&container, "198.51.100.10");
    container.sh(&format!(
        "echo 198.51.100.20 >{FILE}.new && mv {FILE}.new {FILE}"
    ));
    ends("198.51.100.20", FOR_A_FILE);
    banned(&container, "198.51.100.10");

    ends("198.51.100.6", FOR_A_NAME);
    assert!(log_says(
        &container,
        "home.example.org in ignoreip is 198.51.100.6 now; before: 198.51.100.5"
    ));

    // Nobody answers for the name after a restart: what it last stood for is ignored all the same.
    container.sh(&format!("sed -i '/{NAME}/d' /etc/hosts"));
    container.sh("echo nameserver 127.0.0.2 >/etc/resolv.conf");
    container.sh("systemctl restart journalban");
    ignored(&container, "198.51.100.6");
    container.wait_for("the failure to be told", || {
        log_says(&container, "cannot be resolved")
    });
    assert!(log_says(&container, "it still stands for 198.51.100.6"));
    assert_eq!(container.sh(instances).lines().count(), 1, "one helper");
    container.sh("systemctl stop journalban");
    container.wait_for("the helper's end", || container.sh(instances).is_empty());

    let security = container.sh("systemd-analyze security --no-pager --offline=yes \
         /usr/lib/systemd/system/journalban-resolve@.service");
    let verdict = security.lines().last().expect("a verdict");
    println!("{verdict}");
    assert!(verdict.contains("1."), "{verdict}");
}
