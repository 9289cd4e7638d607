#!/usr/bin/env bash
# snapshots.sh REFERENCED: fails on a snapshot file that no test looks at, and on one that waits to
# be accepted. REFERENCED is the list that insta writes while the tests run.
set -euo pipefail

referenced=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

waiting=$(find . -path ./target -prune -o \( -name '*.snap.new' -o -name '*.pending-snap' \) -print)
if [ -n "$waiting" ]; then
    echo "snapshots that nobody has accepted:" >&2
    echo "$waiting" >&2
    exit 1
fi

kept=$(find . -path ./target -prune -o -path '*/node_modules' -prune -o -name '*.snap' -print |
    while read -r file; do realpath "$file"; done | sort -u)
used=$(if [ -f "$referenced" ]; then
    while read -r file; do realpath "$file"; done <"$referenced" | sort -u
fi)
stale=$(comm -23 <(echo "$kept") <(echo "$used"))
if [ -n "$stale" ]; then
    echo "snapshots that no test looks at:" >&2
    echo "$stale" >&2
    exit 1
fi
