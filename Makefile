# Seven verbs. `make run` and `make test` are all a newcomer needs.
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
PY := .venv/bin/python
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: help setup run check test test-real bench bench-peers docs browser

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

setup:           ## install into .venv (uv, locked)
	@command -v uv >/dev/null 2>&1 || test -x .venv/bin/uv || (python3 -m venv .venv && .venv/bin/pip install -q uv)
	@$(UV) sync -q --locked --all-extras --inexact

run: setup       ## install, start everything on embedded defaults, show a live story
	@$(PY) -m bongsu demo $(ARGS)

check: setup     ## ruff, mypy, and the demo policy
	@.venv/bin/ruff check src tests bench
	@.venv/bin/mypy
	@$(PY) -m bongsu check --demo

test: setup browser ## fast and complete, without servers (under 6 minutes)
	@.venv/bin/pytest -m "not real" $(ARGS)

test-real: setup browser ## live servers, kill loops, load (under 15 minutes)
	@.venv/bin/pytest -m real $(ARGS)

bench: setup     ## every benchmark; prints ratios against floor and peer
	@for b in bench/*.py; do case $$b in bench/_*) ;; *) echo "== $$b"; $(PY) $$b || exit 1;; esac; done

bench-peers:     ## the peers, each in its own environment
	@sh bench/peers.sh

docs: setup      ## rebuild what is generated: schema and coverage
	@$(PY) -m bongsu schema > docs/bongsu.schema.json
	@.venv/bin/pytest -q src/bongsu --doctest-modules

# The cockpit's tests want a browser. As root on Debian we may install one; elsewhere they are reported as not run.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && \
	  (apt-get install -y -q --no-install-recommends chromium fonts-noto-cjk || (apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-noto-cjk)) >/dev/null 2>&1; } || \
	  echo "no Chromium: the browser tests will not run"
