# What people type. Each target is one script or one cargo call, so that reading this file tells it all.
.PHONY: help build test soak demo lint fmt codegen install clean

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Builds the optimised binary, target/release/firelight
	cargo build --release --package firelight

test: ## Installs what the tests need and runs all of them
	@scripts/test

soak: ## Creates and destroys 30,000 environments, 200 alive at once, and fails if anything grows (minutes, alone on the machine)
	FIRELIGHT_TEST_SOAK=30000 cargo test --package firelight-sandbox-linux --test it soak:: -- --nocapture

demo: ## Builds, starts Firelight, deploys the examples, invokes them, cleans up
	@scripts/demo

lint: ## Checks formatting, lints and generated code, as CI does
	@scripts/lint

fmt: ## Formats all Rust code
	cargo fmt --all

codegen: ## Writes the generated wire code anew
	cargo run --quiet --package xtask -- codegen

install: ## Installs the firelight binary into cargo's bin directory
	cargo install --path crates/firelight --locked

clean: ## Removes what builds, tests and demos left in the target directory
	cargo clean
