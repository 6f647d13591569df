# Every verb of the project; `make help` lists them. .ci/run calls lint and test.
PYTHON  ?= python3
PORT    ?= 8080
ADMIN_PORT ?= 8081
WORKERS ?= 1
CONFIG  ?=
SECONDS ?= 600
VENV    := .venv
BIN     := $(VENV)/bin
RUST    := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml -o -name '*.bin' | grep -v target)
NATIVE  := python/aigate/_native.abi3.so

.DEFAULT_GOAL := help
.PHONY: help run build test lint bench bench-rivals fuzz image clean check-tools check-python check-rust lock

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: build ## build everything and serve on 127.0.0.1:8080 (PORT= ADMIN_PORT= CONFIG= WORKERS=)
	@exec $(BIN)/aigate serve --port $(PORT) --admin-port $(ADMIN_PORT) --workers $(WORKERS) $(if $(CONFIG),--config $(CONFIG))

build: check-tools $(NATIVE) ## build the extension into .venv

$(VENV)/.run: requirements/run.lock
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.lock
	@touch $@

$(VENV)/.test: requirements/dev.lock $(VENV)/.run
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

$(NATIVE): $(RUST) pyproject.toml $(VENV)/.run
	@echo "building the native engine (about two minutes the first time)"
	@PIP_QUIET=1 VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop -q --release --locked
	@touch $@

test: build $(VENV)/.test ## install what the tests need and run all of them
	@cargo test -q --locked --workspace --exclude aigate-binding
	@$(BIN)/python -m pytest -q

lint: build $(VENV)/.test ## ruff, mypy, clippy, rustfmt, stubtest, architecture
	@$(BIN)/ruff check python tests bench
	@$(BIN)/ruff format --check python tests bench
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest aigate._native --ignore-missing-stub --mypy-config-file pyproject.toml
	@cargo fmt --all --check
	@cargo clippy -q --locked --workspace --all-targets -- -D warnings
	@$(BIN)/python -m pytest -q tests/test_architecture.py

bench: build $(VENV)/.test ## latency budgets, nginx side by side
	@$(BIN)/python -m bench.load.run
	@$(BIN)/python -m pytest -q bench/micro --benchmark-only -p no:cacheprovider

bench-rivals: build $(VENV)/.test ## the same load on other gateways
	@$(BIN)/python -m bench.rivals.run

fuzz: check-rust ## fuzz every parser of outside bytes, SECONDS= each
	@cd rust/fuzz && for target in $$(cargo fuzz list --fuzz-dir .); do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . $$target -- -max_total_time=$(SECONDS) -timeout=10 || exit 1; done

lock: $(VENV)/.run ## pin what pyproject.toml asks for
	@$(BIN)/python -m pip install -q pip-tools
	@$(BIN)/pip-compile -q --no-emit-find-links --no-emit-index-url --generate-hashes --allow-unsafe --strip-extras -o requirements/run.lock pyproject.toml requirements/build.in
	@$(BIN)/pip-compile -q --no-emit-find-links --no-emit-index-url --generate-hashes --allow-unsafe --strip-extras -c requirements/run.lock -o requirements/dev.lock requirements/dev.in

image: ## build the container image with docker, podman or buildah
	@sh deploy/docker/build.sh

clean: ## remove what was built
	@rm -rf target dist $(NATIVE) .pytest_cache .mypy_cache .ruff_cache

check-tools: check-python check-rust
	@command -v cc >/dev/null || { echo "aigate needs a C compiler (cc): install gcc or clang, for example apt-get install gcc"; exit 1; }

check-python:
	@command -v $(PYTHON) >/dev/null || { echo "aigate needs Python 3.11 or newer ($(PYTHON) not found): https://www.python.org/downloads/"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "aigate needs Python 3.11 or newer, this is $$($(PYTHON) --version)"; exit 1; }

check-rust:
	@command -v cargo >/dev/null || { echo "aigate needs a Rust toolchain (cargo not found): https://rustup.rs"; exit 1; }
