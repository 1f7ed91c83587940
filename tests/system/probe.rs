// temporary, not committed: the harness's own parts
use crate::{container::Container, network::*, setup::*};
#[test]
fn probe_ssh() {
    let c = Container::boot("probe").unwrap();
    let t = std::time::Instant::now();
    set_up(&c);
    println!("network {:?}", t.elapsed());
    for (f, v) in [(ATTACKER, VICTIM[0]), (ATTACKER6[0], VICTIM[1]), (ATTACKER6[1], VICTIM[1])] {
        let t = std::time::Instant::now();
        println!("{:?} {:?}", log_in(&c, f, v, "mallory", "wrong"), t.elapsed());
        println!("{:?} {:?}", log_in(&c, f, v, "alice", "right"), t.elapsed());
    }
    c.sh("nft 'add table inet journalban; add chain inet journalban i { type filter hook prerouting priority 0; }; add set inet journalban s { type ipv4_addr; flags timeout; }; add rule inet journalban i ip saddr @s tcp dport 22 reject with tcp reset; add element inet journalban s { 192.0.2.66 timeout 1h }'");
    println!("{:?}", log_in(&c, ATTACKER, VICTIM[0], "alice", "right"));
    println!("enforced {} {}", enforced(&c), enforces(&c, ATTACKER));
    log_as_sshd(&c, (0..3).map(|n| failure_line("198.51.100.7", n)));
    println!("{}", c.sh("journalctl -t sshd -o short-precise | tail -20; journalctl -t sshd -o export -n 1; journalctl _SYSTEMD_UNIT=ssh.service -n 1 -o export"));
    let t = std::time::Instant::now();
    log_as_sshd(&c, (0..20000).map(|n| failure_line("198.51.100.7", n)));
    println!("20000 lines {:?} {}", t.elapsed(), c.sh("journalctl -t sshd -o cat | wc -l; df -h / | tail -1"));
}
