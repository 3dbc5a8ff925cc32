#!/bin/sh
# The peers of the benchmarks, each in its own environment below bench/.peers, and the load generator.
# They are never dependencies of bongsu.
set -eu
cd "$(dirname "$0")"
uv=$(command -v uv || echo ../.venv/bin/uv)
if [ ! -x .peers/litellm/bin/litellm ]; then
  "$uv" venv -q --python 3.11 .peers/litellm
  # 1.106.2 is the newest that installs: later ones ask for an extras package that is not published.
  "$uv" pip install -q --python .peers/litellm/bin/python 'litellm[proxy]==1.106.2' opentelemetry-sdk
fi
if [ ! -x .peers/leaks/bin/pii-leak-benchmark ]; then
  "$uv" venv -q --python 3.11 .peers/leaks
  "$uv" pip install -q --python .peers/leaks/bin/python 'pii-leak-benchmark==0.6.0'
fi
command -v wrk >/dev/null 2>&1 || {
  [ "$(id -u)" = 0 ] && (apt-get install -y -q wrk || (apt-get update -q && apt-get install -y -q wrk)) >/dev/null 2>&1
} || echo "no wrk: install it to run bench/gateway.py"
.peers/litellm/bin/python -c "import importlib.metadata as m; print('litellm', m.version('litellm'))"
