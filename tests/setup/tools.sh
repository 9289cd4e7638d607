#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks. Takes for granted a Debian with Rust and
# Node; fails where it cannot install, and never goes on without.
#
# cmake, nasm, OpenSSL and an SQLite library are not needed: aws-lc and SQLite are compiled from
# the source in their crates with the C compiler alone.
set -euo pipefail

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# debian COMMAND PACKAGE...: the packages, where the command is missing.
debian() {
    if command -v "$1" >/dev/null; then return; fi
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${@:2}"
}

# component COMMAND NAME: the toolchain's component, where the command does not run.
component() {
    if cargo "$1" --version >/dev/null 2>&1; then return; fi
    rustup component add "$2"
}

# subcommand NAME SERIES VERSION: cargo NAME of that series, where there is none. Built from the
# source that its authors publish, with their own lock file: no other publisher is believed.
subcommand() {
    local found
    found=$(cargo "$1" --version 2>/dev/null | head -n 1 || true)
    case "$found" in
        "cargo-$1 $2."*) return ;;
    esac
    echo "installing cargo-$1 $3 (found: ${found:-none})"
    cargo install --locked --force "cargo-$1@$3"
}

debian cc build-essential
# Python with what makes virtual environments, which Debian packs apart.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv
fi
debian make make
# A browser without any font draws nothing that could be looked at.
debian chromium chromium fonts-dejavu-core
# What stands before services.
debian /usr/sbin/nginx nginx-light
debian caddy caddy
debian /usr/sbin/haproxy haproxy
# What sinks write to.
debian redis-server redis-server
debian /usr/sbin/nats-server nats-server
# Its broker, and a consumer to look with.
debian kcat kcat python3-confluent-kafka
# The second database: its server, and the account that it runs as.
debian pg_ctlcluster postgresql
debian openssl openssl
# A clock that is wrong.
debian faketime faketime
component fmt rustfmt
component clippy clippy
subcommand nextest 0.9 0.9.143
subcommand deny 0.20 0.20.2
