# Ten verbs. `make run` and `make test` are all a newcomer needs.
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
PY := .venv/bin/python
# So many files of tests at once: each has its own ports and folder, and none judges by a clock. They wait more than they
# work; the live ones load the machine themselves.
JOBS ?= 3
LIVE_JOBS ?= 2
export UV_PROJECT_ENVIRONMENT := .venv
# Tests start hundreds of Pythons: what one of them has compiled the next ones read (half of a start, where it is not kept).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run check test test-real bench bench-peers docs picture browser promtool servers

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

setup:           ## install into .venv (uv, locked)
	@command -v uv >/dev/null 2>&1 || test -x .venv/bin/uv || (python3 -m venv .venv && .venv/bin/pip install -q uv)
	@$(UV) sync -q --locked --all-extras --inexact

run: setup       ## install, start everything on embedded defaults, show a live story
	@$(PY) -m bongsu demo $(ARGS)

check: setup     ## ruff, mypy, and the demo policy
	@.venv/bin/ruff check src tests bench training
	@.venv/bin/mypy
	@$(PY) -m bongsu check --demo

test: setup browser promtool ## fast and complete, without servers (under 9 minutes)
	@.venv/bin/pytest -m "not real" -n $(JOBS) --dist loadfile $(ARGS)

test-real: setup browser servers ## live servers, kill loops, load (under 12 minutes)
	@.venv/bin/pytest -m "real" --timeout 300 -n $(LIVE_JOBS) --dist loadfile $(ARGS)

bench: setup     ## every benchmark; prints ratios against floor and peer
	@for b in bench/*.py; do case $$b in bench/_*) ;; *) echo "== $$b"; $(PY) $$b || exit 1;; esac; done

bench-peers:     ## the peers, each in its own environment
	@sh bench/peers.sh

docs: setup      ## rebuild what is generated: the JSON Schema of a policy; run what the docstrings show
	@$(PY) -m bongsu schema > docs/bongsu.schema.json
	@.venv/bin/pytest -q src/bongsu --doctest-modules

picture: setup browser ## take docs/cockpit.png anew, of a running demo (2-3 minutes)
	@$(PY) docs/picture.py

# What tests want of the machine. As root on Debian we install it; elsewhere what is missing is said, and reported as not run.
define debian
	@for want in $(1); do command -v $${want%%:*} >/dev/null 2>&1 || missing="$$missing $${want##*:}"; done; \
	$(if $(2),fc-list 2>/dev/null | grep -qi 'noto.*cjk' || missing="$$missing fonts-noto-cjk fontconfig";) \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && \
	  { apt-get install -y -qq --no-install-recommends $$missing || { apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends $$missing; }; } >/dev/null 2>&1; } || \
	echo "not on this machine:$$missing; the tests that need it will not run"
endef

browser:
	$(call debian,chromium:chromium,fonts)

promtool:
	$(call debian,promtool:prometheus,)

servers:
	$(call debian,promtool:prometheus prometheus-alertmanager:prometheus-alertmanager,)
