#!/usr/bin/env bash
# Checks the Python guard and runs its tests against the server that SERVER_PROGRAM names. Makes its own
# environment beside it; fails where something is missing, and never skips.
set -euo pipefail
cd "$(dirname "$0")"

: "${SERVER_PROGRAM:?must name the program of the server}"
SERVER_PROGRAM=$(realpath "$SERVER_PROGRAM")
export SERVER_PROGRAM

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo 'Python 3.10 or later is needed' >&2; exit 1; }
made=.venv/made-of
wanted=$(python3 --version; cat requirements-dev.txt pyproject.toml)
if [[ ! -f $made || $(<"$made") != "$wanted" ]]; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  printf '%s\n' "$wanted" >"$made"
fi

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/python -m pytest "$@"
