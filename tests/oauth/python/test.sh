#!/usr/bin/env bash
# Runs the tests with Authlib against the server that SERVER_PROGRAM names. Makes its own environment beside it; fails
# where something is missing, and never skips.
set -euo pipefail

: "${SERVER_PROGRAM:?must name the program of the server}"
SERVER_PROGRAM=$(realpath "$SERVER_PROGRAM")
export SERVER_PROGRAM
cd "$(dirname "$0")"

made=.venv/made-of
wanted=$(python3 --version; cat requirements.txt)
if [[ ! -f $made || $(<"$made") != "$wanted" ]]; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
  printf '%s\n' "$wanted" >"$made"
fi

# The demo and its people are those of the other tests.
PYTHONPATH=../../socketio/python .venv/bin/python -m unittest --verbose "$@"
