"""What ``bench/gateway.py`` measures: bongsu in four settings, its peers, and nginx and the bare model as floors."""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _load import FRESH

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers"
LITELLM, SHIELD = PEERS / "litellm" / "bin", PEERS / "shield" / "bin" / "llm-shield-proxy"
PORTKEY = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
NGINX = PEERS / "nginx" / "usr" / "sbin" / "nginx"
CORES = sorted(os.sched_getaffinity(0))
OURS, OTHERS = CORES[0], CORES[-1]
PROMPT = ("You are the assistant of a shop that sells hiking gear; answer briefly and in the language of the question. "
          "Last week I ordered a pair of boots and a rain jacket. The boots arrived on Monday, but the jacket is still "
          "missing, and the page of my order has said 'on its way' since the 14th of the month. Could you find out "
          "where it is, when I can expect it, and whether I can still change the colour from green to blue before it "
          f"gets here? If not, please tell me how to send it back afterwards. Thank you, {FRESH}.")
PERSONAL = f"{PROMPT[:431]} {FRESH} Call 010-1234-5678 or write to minsu.kim@example.com."
POLICY = """bongsu: 1
service: {{name: bench, language: en}}
upstreams:
  main: {{url: "http://127.0.0.1:{port}/v1", key: secret://env/BENCH_KEY, model: bench-model, timeout: 10s,
          price: {{input: 2.50 USD/1M, output: 10 USD/1M}}}}
routes:
  bench: {{primary: main}}
"""
GUARDS = """guards:
  injection: {on: [input, output], check: pattern, act: block, timeout: 20ms, fails: closed}
  pii:       {on: [input, output], check: pii, act: tokenise, timeout: 20ms, fails: closed}
"""
DEFAULT = GUARDS + """  learned:   {on: input, check: injection, act: block, timeout: 20ms, fails: closed}
  memory:    {on: input, check: known_attack, act: block, timeout: 20ms, fails: closed}
"""
"""The inline set of docs/decisions: forms, phrases, the linear classifier of injections, the memory of attacks."""
REMEMBERED = 200
CONFIG = """model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench-model, api_base: "http://127.0.0.1:{port}/v1", api_key: {key}}}
litellm_settings: {{telemetry: false}}
"""
FILTER = """guardrails:
  - guardrail_name: filter
    litellm_params:
      guardrail: litellm_content_filter
      mode: [pre_call, post_call]
      default_on: true
      blocked_words:
        - {{keyword: "ignore all previous instructions", action: BLOCK}}
      patterns:
{patterns}
"""
FORMS = re.compile("PII|Card|Credential|Network")
"""Of the kinds of pattern that LiteLLM's filter comes with: what bongsu's ``pii`` looks for."""
CONF = """daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
  scgi_temp_path s; keepalive_requests 100000000;
  upstream model {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{own};
    proxy_http_version 1.1; proxy_set_header connection ""; proxy_buffering off;
    location / {{ proxy_pass http://model; }}
  }}
}}
"""
Started = tuple[subprocess.Popen[bytes], int]
Start = Callable[[Path, int], Started]


@dataclass(frozen=True)
class Target:
    """One row. ``start`` begins a process that listens, given a folder and the model's port; ``more`` are headers that
    depend on that port."""

    name: str
    start: Start
    prompt: str = PROMPT
    key: str = "sk-bench"
    peer: bool = False
    more: Callable[[int], Mapping[str, str]] = field(default=lambda _: {})


def run(argv: list[str], core: int, environ: Mapping[str, str] | None = None, fds: tuple[int, ...] = (),
        log: Path | None = None, folder: Path | None = None) -> subprocess.Popen[bytes]:
    with (log or Path(os.devnull)).open("wb") as out:
        return subprocess.Popen(["taskset", "-c", str(core), *argv], env=None if environ is None else dict(environ),
                                pass_fds=fds, stdout=out, stderr=out, cwd=folder)


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    sock.set_inheritable(True)
    return sock


def free() -> int:
    with listening() as sock:
        return int(sock.getsockname()[1])


def model(core: int) -> Started:
    with listening() as sock:
        child = run([sys.executable, str(HERE / "_upstream.py"), str(sock.fileno())], core, fds=(sock.fileno(),))
        return child, sock.getsockname()[1]


def direct(_folder: Path, _port: int) -> Started:
    """A model of its own, on the core where gateways stand."""
    return model(OURS)


def bongsu(guards: str) -> Start:
    def start(folder: Path, port: int) -> Started:
        policy = folder / "bongsu.yaml"
        policy.write_text(POLICY.format(port=port) + guards)
        if guards == DEFAULT:
            remember(folder / "data")
        with listening() as sock:
            child = run([sys.executable, "-m", "bongsu", "gateway", "--fd", str(sock.fileno()), "--policy", str(policy),
                         "--data", str(folder / "data")], OURS, os.environ | {"BENCH_KEY": "sk-model"},
                        (sock.fileno(),), folder / "log")
            return child, sock.getsockname()[1]

    return start


def remember(data: Path) -> None:
    """An attack memory of made-up texts, as control publishes it."""
    import time

    from msgspec import to_builtins

    from bongsu.app import Folder
    from bongsu.attack import Attack, key_of
    from bongsu.checks.memory import traces_of
    from bongsu.checks.memory_anchors import FORM, packed
    from bongsu.host import keys
    from bongsu.live import Publisher
    from bongsu.privacy.tokens import Tokeniser

    folder, dice = Folder(data).create(), random.Random(1)
    key, now = key_of(Tokeniser(keys.token_key(folder.keys))), time.time_ns() // 1000
    kept = {}
    for n in range(REMEMBERED):
        text = " ".join("".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 9))) for _ in range(120))
        traces = traces_of([text], key)
        attack = Attack(id=f"a{n}", at=now, until=now + 10**13, by="bench", length=traces.length,
                        anchors=packed(traces.anchors), form=FORM)
        kept[attack.id] = to_builtins(attack)
    Publisher(folder.live, "attacks").publish(kept, "", now)


def litellm(key: str, guards: str = "") -> Start:
    def start(folder: Path, port: int) -> Started:
        config, own = folder / "config.yaml", free()
        config.write_text(CONFIG.format(port=port, key="sk-model") + guards)
        environ = {"PATH": f"{LITELLM}:/usr/bin:/bin", "HOME": str(folder), "LITELLM_MASTER_KEY": key,
                   "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR",
                   "LITELLM_MODE": "PRODUCTION", "OTEL_SDK_DISABLED": "true", "NO_PROXY": "*"}
        return run([str(LITELLM / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(own),
                    "--num_workers", "1", "--telemetry", "False"], OURS, environ, log=folder / "log"), own

    return start


def a_few() -> Sequence[str]:
    return "email", "us_ssn", "visa"


def all_forms() -> Sequence[str]:
    """Every form of personal data, of cards, credentials and addresses of machines that the filter comes with."""
    found = next(LITELLM.parent.rglob("litellm_content_filter/patterns.json"))
    return [one["name"] for one in json.loads(found.read_text())["patterns"] if FORMS.search(one["category"])]


def filtered(names: Sequence[str]) -> str:
    return FILTER.format(patterns="\n".join(f"        - {{pattern_type: prebuilt, pattern_name: {name}, action: MASK}}"
                                            for name in names))


def portkey(folder: Path, _port: int) -> Started:
    own = free()
    return run([shutil.which("node") or "node", str(PORTKEY), "--headless", f"--port={own}"], OURS,
               {"PATH": os.environ["PATH"], "NODE_ENV": "production"}, log=folder / "log"), own


def to_portkey(port: int) -> Mapping[str, str]:
    return {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{port}/v1"}


def to_portkey_guarded(port: int) -> Mapping[str, str]:
    """One regex, both ways, that must not match."""
    check = {"default.regexMatch": {"rule": r"[\w.+-]+@[\w-]+\.[\w.]+", "not": True}, "deny": True}
    return {"x-portkey-config": json.dumps({
        "provider": "openai", "custom_host": f"http://127.0.0.1:{port}/v1", "api_key": "sk-model",
        "input_guardrails": [check], "output_guardrails": [check]})}


def shield(folder: Path, port: int) -> Started:
    own = free()
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "UPSTREAM_BASE_URL": f"http://127.0.0.1:{port}",
               "UPSTREAM_API_KEY": "sk-model", "OPENAI_API_KEY": "sk-model", "VALID_VIRTUAL_KEYS": "sk-bench"}
    return run([str(SHIELD), "--host", "127.0.0.1", "--port", str(own), "--log-level", "error"], OURS, environ,
               log=folder / "log", folder=folder), own


def nginx(folder: Path, port: int) -> Started:
    own = free()
    (folder / "nginx.conf").write_text(CONF.format(port=port, own=own))
    return run([str(NGINX), "-p", str(folder), "-c", "nginx.conf"], OURS, log=folder / "log"), own


def targets() -> list[Target]:
    """Those whose program is here."""
    key = f"sk-{secrets.token_hex(24)}"
    found = [(True, Target("direct", direct)),
             (NGINX.exists(), Target("nginx proxy_pass", nginx, peer=True)),
             (True, Target("bongsu, no guard", bongsu(""))),
             (True, Target("bongsu, two guards", bongsu(GUARDS))),
             (True, Target("bongsu, all default guards", bongsu(DEFAULT))),
             (True, Target("bongsu, all default, 2 findings", bongsu(DEFAULT), PERSONAL)),
             (PORTKEY.exists(), Target("Portkey", portkey, peer=True, more=to_portkey)),
             (PORTKEY.exists(), Target("Portkey + one regex", portkey, peer=True, more=to_portkey_guarded)),
             (SHIELD.exists(), Target("LLM-Shield-Proxy", shield, peer=True))]
    if here := (LITELLM / "litellm").exists():
        few, many = a_few(), all_forms()
        found.append((here, Target("LiteLLM", litellm(key), key=key, peer=True)))
        found += [(here, Target(f"LiteLLM, filter of {len(some)}", litellm(key, filtered(some)), key=key, peer=True))
                  for some in (few, many)]
    else:
        found.append((here, Target("LiteLLM", direct)))
    for here, target in found:
        if not here:
            print(f"not here: {target.name} ('make bench-peers' builds it)")
    return [target for here, target in found if here]
