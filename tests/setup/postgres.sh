#!/usr/bin/env bash
# postgres.sh COMMAND...: runs the command beside a PostgreSQL server that is there for it alone: on a free
# port, in a temporary folder, with durable writes as in production. The command finds its address, of an
# account that may make databases, in TEST_POSTGRES, the certificate of who vouches for it in TEST_POSTGRES_CA,
# and in TEST_POSTGRES_CONTROL a program that has it `crash` and `start` again, and be `slow` and `quick` at commits.
# Afterwards server and folder are gone.
set -euo pipefail

# initdb and the server refuse to be root; Debian's package brings an account for them.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}

binaries=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$binaries" ]; then
    echo "PostgreSQL is missing; run tests/setup/tools.sh" >&2
    exit 1
fi
folder=$(mktemp -d /tmp/sessionwire-postgres.XXXXXX)
if [ "$(id -u)" -eq 0 ]; then chown postgres: "$folder"; fi
stop() {
    as_postgres "$binaries/pg_ctl" stop --silent --mode=immediate -D "$folder/data" || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

password=$(head -c 18 /dev/urandom | base64 | tr -d '+/=')
printf '%s\n' "$password" >"$folder/password"
chmod 0644 "$folder/password"
cd "$folder"
as_postgres "$binaries/initdb" --pgdata="$folder/data" --username=tests --pwfile="$folder/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$folder/log"
# A certificate for the address, and an authority of its own that vouches for it.
(
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=tests" \
        -keyout authority.key -out authority.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=127.0.0.1" \
        -keyout server.key -out server.csr
    printf 'subjectAltName=IP:127.0.0.1\n' >extensions
    openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
        -extfile extensions -out server.pem
) 2>"$folder/log"
if [ "$(id -u)" -eq 0 ]; then chown postgres: server.key server.pem; fi
cat >>"$folder/data/postgresql.conf" <<EOF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 400
ssl = on
ssl_cert_file = '$folder/server.pem'
ssl_key_file = '$folder/server.key'
fsync = on
synchronous_commit = on
shared_buffers = 128MB
max_wal_size = 4GB
include = 'port.conf'
include_if_exists = 'pace.conf'
EOF
pace() {
    printf '%s\n' "$@" >"$folder/data/pace.conf"
    as_postgres "$binaries/pg_ctl" reload --silent -D "$folder/data"
}
start() { as_postgres "$binaries/pg_ctl" start --silent --wait -D "$folder/data" -l "$folder/log.server"; }
# Somebody may take a free port before the server does: then the next one is tried.
for _ in 1 2 3 4 5; do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'port = %s\n' "$port" >"$folder/data/port.conf"
    if start; then
        started=yes
        break
    fi
done
if [ -z "${started:-}" ]; then
    cat "$folder/log.server" >&2
    exit 1
fi
cd "$OLDPWD"
# As slow as it may be told to be: a tenth of a second for each commit.
cat >"$folder/control" <<EOF
#!/usr/bin/env bash
set -euo pipefail
cd "$folder"
binaries=$binaries folder=$folder
$(declare -f as_postgres pace start)
case "\$1" in
    crash) as_postgres "\$binaries/pg_ctl" stop --silent --mode=immediate -D "\$folder/data" ;;
    start) as_postgres "\$binaries/pg_ctl" status -D "\$folder/data" >"\$folder/log" || start ;;
    slow) pace "commit_delay = 100000" "commit_siblings = 0" ;;
    quick) pace ;;
esac
EOF
chmod 0755 "$folder/control"
export TEST_POSTGRES_CONTROL="$folder/control"
export TEST_POSTGRES_CA="$folder/authority.pem"
export TEST_POSTGRES="postgres://tests:$password@127.0.0.1:$port/postgres"
"$@"
