#!/bin/sh
# Installs the Debian packages that journalban's build, demo, tests or benchmarks need and that are
# missing. Services that come with them (an SSH server, fail2ban) are left switched off.
# Usage: deps.sh demo|test|bench
set -eu

packages='gcc libsystemd-dev libnftnl-dev libmnl-dev libsqlite3-dev pkg-config
    systemd nftables iproute2 util-linux openssh-server openssh-client sshpass'
case "${1:-}" in
demo) ;;
test) packages="$packages make systemd-container systemd-journal-remote curl" ;;
bench) packages="$packages make systemd-container systemd-journal-remote fail2ban" ;;
*) echo "usage: $0 demo|test|bench" >&2 && exit 64 ;;
esac

missing=
for package in $packages; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "root is needed to install:$missing" >&2
    exit 1
fi

echo "installing:$missing"
services=
case " $missing " in *' openssh-server '*) services="$services ssh.service" ;; esac
case " $missing " in *' fail2ban '*) services="$services fail2ban.service" ;; esac
# Masked while they are installed, so that none of them is started.
# shellcheck disable=SC2086 # lists of words
{
    [ -z "$services" ] || systemctl --quiet mask --runtime $services 2>/dev/null || true
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    [ -z "$services" ] || systemctl --quiet disable $services 2>/dev/null || true
    [ -z "$services" ] || systemctl --quiet unmask --runtime $services 2>/dev/null || true
}
