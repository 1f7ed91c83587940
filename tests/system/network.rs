//! The attacker: a network namespace inside the container, with real `ssh` clients in it.

use crate::container::Container;

/// The container's own addresses.
pub const VICTIM: [&str; 2] = ["192.0.2.1", "2001:db8:b::1"];
/// The attacker's IPv4 address.
pub const ATTACKER: &str = "192.0.2.66";
/// The attacker's IPv6 addresses, of one /64.
pub const ATTACKER6: [&str; 2] = ["2001:db8:a::66", "2001:db8:a:0:ffff::77"];

/// What an attempt to log in came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Logged in.
    In,
    /// sshd answered and refused the password.
    Denied,
    /// Nothing came through: the connection was refused.
    Refused,
    /// The connection ended before sshd had answered: banned in the middle of it.
    Cut,
}

/// Joins a namespace `attacker` to the container by a veth pair, and starts Debian's sshd with one
/// user, alice, whose password is `right`.
pub fn set_up(container: &Container) {
    container.sh("
        ip netns add attacker
        ip link add victim type veth peer name eth0 netns attacker
        ip address add 192.0.2.1/24 dev victim
        ip address add 2001:db8:b::1/64 dev victim nodad
        ip link set victim up
        ip -n attacker address add 192.0.2.66/24 dev eth0
        ip -n attacker address add 2001:db8:a::66/64 dev eth0 nodad
        ip -n attacker address add 2001:db8:a:0:ffff::77/64 dev eth0 nodad
        ip -n attacker link set eth0 up
        ip -n attacker link set lo up
        ip route add 2001:db8:a::/64 dev victim
        ip -n attacker route add 2001:db8:b::/64 dev eth0
        useradd --create-home alice
        echo alice:right | chpasswd
        systemctl start systemd-user-sessions.service ssh.service
    ");
}

/// One attempt to log in over SSH.
pub fn log_in(container: &Container, from: &str, to: &str, user: &str, password: &str) -> Attempt {
    let output = container
        .command("ip")
        .args(["netns", "exec", "attacker", "sshpass", "-p", password])
        .args(["ssh", "-F", "/dev/null", "-b", from, "-l", user])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args([
            "-o",
            "PreferredAuthentications=password",
            "-o",
            "NumberOfPasswordPrompts=1",
        ])
        .args(["-o", "ConnectTimeout=5", to, "true"])
        .output()
        .expect("nsenter is part of util-linux");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Attempt::In
    } else if errors.contains("Permission denied") {
        Attempt::Denied
    } else if errors.contains("Connection refused") {
        Attempt::Refused
    } else {
        println!(
            "ssh from {from} to {to}: {}: {}",
            output.status,
            errors.trim()
        );
        Attempt::Cut
    }
}
