# Everything a developer or the pipeline runs. `make test` needs a Debian with Rust and Node, installs
# the rest, and fails rather than skip.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The list of snapshots that the tests look at, written by insta as they run.
SNAPSHOTS := $(abspath $(or $(CARGO_TARGET_DIR),target))/snapshots-referenced

.PHONY: help
help: ## Say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# The tests come last, and of them nextest, so that the run ends with the summary of all tests.
.PHONY: test
test: tools format lint docs dependencies doctest peers javascript guards examples socketio oauth provider browser nextjs postgres unit ## Install what is missing, check everything, run all tests

.PHONY: tools
tools: ## Install what is missing
	tests/setup/tools.sh

.PHONY: format
format: ## Check the formatting
	cargo fmt --all --check

.PHONY: lint
lint: ## Run clippy over everything
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target -- -D warnings

.PHONY: docs
docs: ## Check the documentation, private items too
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --document-private-items

.PHONY: dependencies
dependencies: ## Check licences, sources and bans; fetches no advisories
	cargo deny --workspace --locked check --deny unmatched-skip bans licenses sources

.PHONY: doctest
doctest: ## Run the examples in the documentation
	cargo test --locked --workspace --doc

.PHONY: peers
peers: ## Check the types of the JavaScript of the benchmarks
	npm ci --prefix benches/peers --no-audit --no-fund
	npm run check --prefix benches/peers

# What the JavaScript tests start. In a debug build the pages are read from disk.
PROGRAM := $(abspath $(or $(CARGO_TARGET_DIR),target))/debug/sessionwire

.PHONY: program
program:
	cargo build --locked

.PHONY: javascript
javascript: program ## Check the types of the JavaScript client and run its tests
	npm ci --prefix clients/js --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix clients/js

.PHONY: guards
guards: program ## Run the tests of the guards for Node and Python
	npm ci --prefix clients/guard --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix clients/guard
	SERVER_PROGRAM="$(PROGRAM)" clients/python/test.sh

.PHONY: examples
examples: program ## Run the examples
	cargo build --locked --example axum-api
	for example in express-api game-server test; do npm ci --prefix "examples/$$example" --no-audit --no-fund; done
	SERVER_PROGRAM="$(PROGRAM)" AXUM_API="$(dir $(PROGRAM))examples/axum-api" npm test --prefix examples/test

.PHONY: socketio
socketio: program ## Try the endpoint for Socket.IO with the clients of others, in Node and Python
	npm ci --prefix tests/socketio --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix tests/socketio
	SERVER_PROGRAM="$(PROGRAM)" tests/socketio/python/test.sh

.PHONY: oauth
oauth: program ## Try the standard endpoints with the OAuth clients of others, in Node and Python
	npm ci --prefix tests/oauth --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix tests/oauth
	SERVER_PROGRAM="$(PROGRAM)" tests/oauth/python/test.sh

.PHONY: provider
provider: program ## Try sign-in and sign-out with a real identity provider
	npm ci --prefix tests/provider --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix tests/provider

.PHONY: browser
browser: program ## Check the types of the pages and try them in Chromium
	npm ci --prefix tests/browser --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix tests/browser

.PHONY: nextjs
nextjs: program ## Try the Next.js application of the documentation in Chromium
	for package in browser nextjs; do npm ci --prefix "tests/$$package" --no-audit --no-fund; done
	SERVER_PROGRAM="$(PROGRAM)" npm test --prefix tests/nextjs

.PHONY: pictures
pictures: program ## Make the pictures of the documentation from the running demo
	npm ci --prefix tests/browser --no-audit --no-fund
	SERVER_PROGRAM="$(PROGRAM)" npm run pictures --prefix tests/browser

# What neither stores nor reads anything is left out.
.PHONY: postgres
postgres: ## Run the tests that store anything on PostgreSQL
	TEST_DATABASE=postgres INSTA_UPDATE=no INSTA_FORCE_PASS=0 tests/setup/postgres.sh \
		cargo nextest run --locked --package sessionwire --test integration \
		-E 'not test(/^(architecture|openapi|issuer_presets|chaos|model|fifteen_thousand)::/)'

.PHONY: unit
unit: ## Run all other tests, on SQLite
	mkdir -p "$(dir $(SNAPSHOTS))"
	rm -f "$(SNAPSHOTS)"
	INSTA_UPDATE=no INSTA_FORCE_PASS=0 INSTA_SNAPSHOT_REFERENCES_FILE="$(SNAPSHOTS)" \
		tests/setup/postgres.sh cargo nextest run --locked --workspace
	tests/setup/snapshots.sh "$(SNAPSHOTS)"

.PHONY: fuzz
fuzz: ## Fuzz the client frame and the token, a minute each; not part of `make test`
	cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
	for target in client_frame token; do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run -s none "$$target" -- -max_total_time=60 -max_len=20000; \
	done

.PHONY: fmt
fmt: ## Format everything
	cargo fmt --all

# Some eight minutes on two cores, on which nothing else should run, and three gigabytes where temporary files are.
BENCH := $(abspath $(or $(CARGO_TARGET_DIR),target))

.PHONY: bench
bench: ## Measure the server beside floors of the same run; report in target/bench
	cargo build --locked --release --bin sessionwire --bin sessionwire-bench
	cargo bench --locked --no-run --bench guard
	cargo bench --locked --no-run --package sessionwire-guard --bench index
	mkdir -p "$(BENCH)/bench"
	"$(BENCH)/release/sessionwire-bench" --runs 3 --seconds 2 --json "$(BENCH)/bench/report.json" --report "$(BENCH)/bench/report.md"
	{ printf '\n## guard, in the process of a service\n\n```\n'; \
	  cargo bench --locked --quiet --bench guard; \
	  cargo bench --locked --quiet --package sessionwire-guard --bench index; \
	  printf '```\n'; } >> "$(BENCH)/bench/report.md"
	node benches/plots.mjs "$(BENCH)/bench/report.json" "$(BENCH)/bench"

# All of them, unless some are named: `make bench-peers PEERS=ws`.
PEERS :=

.PHONY: bench-peers
bench-peers: ## Measure other servers beside this one; reports in target/bench
	cargo build --locked --release --bin sessionwire --bin sessionwire-bench
	npm ci --prefix benches/peers --no-audit --no-fund
	mkdir -p "$(BENCH)/bench"
	node benches/peers/run.js "$(BENCH)/release/sessionwire-bench" "$(BENCH)/bench" $(PEERS) -- --runs 3

.PHONY: demo
demo: ## Run the demonstration: a temporary database with people and groups
	cargo run --locked --release -- demo

.PHONY: deb
deb: ## Build the Debian package; needs cargo-deb
	cargo deb --locked
