#!/bin/bash
# Shows what journalban does, on real parts and safely: sshd, journald, journalban and an attacker
# run in mount, process and network namespaces of their own, on a /run, /dev and journal of their
# own. The machine's firewall, journal, users and network are not touched, and all of it is gone
# when this ends, however it ends: its namespaces end with it.
# Usage (as root): run.sh PROGRAM
set -euo pipefail

program=$(realpath "${1:?the journalban program}")
source=$(realpath "$(dirname "$0")/../..")
journal=demo
victim=192.0.2.1 victim6=2001:db8:b::1
attacker=192.0.2.66 attacker6=2001:db8:a::66 neighbour6=2001:db8:a:0:ffff::77

if [ "$(id -u)" != 0 ]; then
    echo 'the demo makes network namespaces, which needs root: try sudo' >&2
    exit 1
fi
if [ -z "${JOURNALBAN_DEMO:-}" ]; then
    export JOURNALBAN_DEMO=inside
    exec unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" "$program"
fi
# PID 1 of a namespace, which this is, gets no signal that it does not ask for.
trap 'exit 130' INT TERM

bold='' red='' green='' grey='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' grey=$'\e[90m' plain=$'\e[0m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
quote() { sed "s/^/    /"; }
command_line() { printf '  %s# %s%s\n' "$grey" "$*" "$plain"; }
fail() {
    printf '%sthe demo failed: %s%s\n' "$red" "$*" "$plain" >&2
    tail -n 20 "$work"/*.log >&2
    exit 1
}
# Polls for 5 s at most.
wait_for() {
    local what=$1 try
    shift
    for ((try = 0; try < 500; try++)); do
        if "$@" >"$work/wait.log" 2>&1; then return; fi
        sleep 0.01
    done
    fail "no sign of $what"
}

# ---- a machine of its own ----------------------------------------------------------------------
work=/run
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/dev /run/netns /run/sshd /run/root
for node in null zero full random urandom tty; do
    touch "/run/dev/$node"
    mount --bind "/dev/$node" "/run/dev/$node"
done
mkdir /run/dev/pts /run/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /run/dev/pts
ln -s pts/ptmx /run/dev/ptmx
ln -s /proc/self/fd /run/dev/fd
ln -s "/run/systemd/journal.$journal/dev-log" /run/dev/log
mount --rbind /run/dev /dev
if [ ! -s /etc/machine-id ]; then
    mkdir /run/etc /run/etc.work
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work overlay /etc
    tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
fi
mkdir -p /run/log/journal
[ ! -d /var/log/journal ] || mount -t tmpfs tmpfs /var/log/journal

ip link set lo up
ip netns add attacker
ip link add eth0 type veth peer name eth0 netns attacker
ip address add $victim/24 dev eth0
ip address add $victim6/64 dev eth0 nodad
ip link set eth0 up
ip -n attacker address add $attacker/24 dev eth0
ip -n attacker address add $attacker6/64 dev eth0 nodad
ip -n attacker address add $neighbour6/64 dev eth0 nodad
ip -n attacker link set eth0 up
ip route add 2001:db8:a::/64 dev eth0
ip -n attacker route add 2001:db8:b::/64 dev eth0

journald=$(find /lib/systemd /usr/lib/systemd -maxdepth 1 -name systemd-journald -print -quit)
"$journald" "$journal" 2>"$work/journald.log" &
wait_for 'the private journald' test -S "/run/systemd/journal.$journal/dev-log"

ssh-keygen -q -t ed25519 -N '' -f /run/host_key
cat >/run/sshd_config <<END
HostKey /run/host_key
UsePAM no
PasswordAuthentication yes
PidFile none
END
sshd=$(command -v sshd || echo /usr/sbin/sshd)
# sshd's own short bans (since OpenSSH 9.8) would blur who did what.
if "$sshd" -t -f /run/sshd_config -o PerSourcePenalties=no 2>"$work/penalties.log"; then
    echo 'PerSourcePenalties no' >>/run/sshd_config
fi
"$sshd" -D -f /run/sshd_config 2>"$work/sshd.log" &

root=/run/root
mkdir -p "$root/etc/journalban/jail.d" "$root/usr/lib/journalban"
cp -r "$source/filters" "$source/jails" "$root/usr/lib/journalban/"
cat >"$root/etc/journalban/jail.d/sshd.toml" <<END
[sshd]
enabled = true
namespace = "$journal"
maxretry = 3
findtime = "10m"
bantime = "1h"
END
journalban() { "$program" "$@" --root "$root"; }
journalban daemon 2>"$work/journalban.log" &
wait_for 'journalban' journalban ping

# ---- the story -----------------------------------------------------------------------------------
# Prints what the ssh client says after a wrong password for a user that does not exist.
log_in() {
    ip netns exec attacker sshpass -p wrong ssh -F /dev/null -b "$1" -l mallory -p 22 \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 -o ConnectTimeout=5 \
        "$2" true 2>&1 </dev/null || true
}
expect() {
    local answer=$1 wanted=$2 colour=$3
    [[ $answer == *"$wanted"* ]] || fail "expected \"$wanted\", got: $answer"
    printf '    %s%s%s\n' "$colour" "$answer" "$plain"
}
# The third time sshd logs "Invalid user" before it has asked for a password, and the ban may cut the
# connection in the middle.
guess_thrice() {
    local answer
    for _ in 1 2; do expect "$(log_in "$1" "$2")" 'Permission denied' "$green"; done
    answer=$(log_in "$1" "$2")
    case $answer in
    *'Permission denied'*) expect "$answer" 'Permission denied' "$green" ;;
    *) printf '    %s%s%s\n' "$red" "${answer:-the connection is cut}" "$plain" ;;
    esac
}
# A connection without a login: the first thing a server says, or why there is none.
connect() {
    ip netns exec attacker bash -c "exec 3<>/dev/tcp/$1/22 && head -n 1 <&3" 2>&1 |
        sed -n '1s/.*connect: //; 1p' || true
}
in_kernel() { nft list table inet journalban | grep -qF "$1"; }

say "A server ($victim, $victim6) with a real sshd, journald and journalban."
say "An attacker ($attacker, $attacker6), in a network namespace of his own."
quote <"$root/etc/journalban/jail.d/sshd.toml"

say '1. The attacker reaches sshd:'
expect "$(connect $victim)" 'SSH-2.0' "$green"

say '2. He guesses three passwords over IPv4, and three over IPv6:'
guess_thrice $attacker $victim
guess_thrice $attacker6 $victim6
command_line "what sshd wrote to the journal"
journalctl --namespace="$journal" --identifier=sshd --output=short --no-hostname --no-pager |
    grep -F 'Failed password' | quote

say '3. Now he is in the sets of the kernel:'
wait_for 'the IPv4 ban' in_kernel $attacker
wait_for 'the IPv6 ban' in_kernel 2001:db8:a::
command_line 'nft list table inet journalban | grep expires'
nft list table inet journalban | grep -F expires | quote

say '4. No packet of his gets through any more, nor from a neighbour in his IPv6 /64:'
expect "$(log_in $attacker $victim)" 'Connection refused' "$red"
expect "$(log_in $attacker6 $victim6)" 'Connection refused' "$red"
expect "$(log_in $neighbour6 $victim6)" 'Connection refused' "$red"
command_line 'journalban status sshd'
journalban status sshd | quote

say '5. An administrator lets him in again:'
command_line "journalban unban $attacker"
journalban unban $attacker | quote
expect "$(connect $victim)" 'SSH-2.0' "$green"
command_line 'journalban status sshd'
journalban status sshd | quote

say "Done in $SECONDS s. Nothing of this is left on your machine."
