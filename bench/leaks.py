"""What others' test of leaks says of us: ``python bench/leaks.py`` runs ``pii-leak-benchmark`` against a real gateway,
then its second profile.

The tool plays both the caller and the model: it sends made-up personal data through the gateway, looks at what reaches
the model, lets the model answer with what it was sent, cut into many events, and looks at what comes back. The second
profile also puts values into unknown fields and escapes, and lets the model say values of its own, at every place where
they can be cut in two. It lives in an environment of its own ('make bench-peers' builds it). Reports go to
``bench/results/leaks.json`` and ``bench/results/leaks-v2``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOL = HERE / ".peers" / "leaks" / "bin" / "pii-leak-benchmark"
TOOL_2 = TOOL.with_name("pii-leak-benchmark-v2")
CAPTURE = 8765
POLICY = f"""bongsu: 1
service: {{name: bench, language: en}}
upstreams:
  main: {{url: "http://127.0.0.1:{CAPTURE}/v1", key: secret://env/BENCH_KEY, model: bench-model, timeout: 30s}}
routes:
  bench: {{primary: main}}
guards:
  pii: {{on: [input, output], check: pii, act: tokenise, timeout: 50ms, fails: closed}}
"""


def ready(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the gateway does not come up")


def main(more: list[str]) -> int:
    if not TOOL.exists():
        print("not run: pii-leak-benchmark is not here; 'make bench-peers' builds it")
        return 0
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
        sock.set_inheritable(True)
        policy = Path(folder) / "bongsu.yaml"
        policy.write_text(POLICY)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        with (Path(folder) / "log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "bongsu", "gateway", "--fd", str(sock.fileno()), "--policy", str(policy),
                 "--data", f"{folder}/data"], env=os.environ | {"BENCH_KEY": "sk-model"}, pass_fds=(sock.fileno(),),
                stdout=log, stderr=log)
        try:
            ready(url)
            subprocess.run([str(TOOL), "--target-base-url", f"{url}/v1", "--target-api-key", "sk-bench",
                            "--target-model", "bench", "--target-name", "bongsu", "--capture-port", str(CAPTURE),
                            "--json-out", str(results / "leaks.json"), *(more or ["--iterations", "10"])], check=False)
            subprocess.run([str(TOOL_2), "--out", str(results / "leaks-v2"), "--gateway-url",
                            f"{url}/v1/chat/completions", "--upstream-port", str(CAPTURE), "--model", "bench", "--only",
                            "passthrough", "--exhaustive-splits"], check=False, stdout=subprocess.DEVNULL)
        finally:
            child.terminate()
            child.wait(30)
    report = json.loads((results / "leaks.json").read_text())
    for name, check in report["checks"].items():
        print(f"{name:32}{'passed' if check['passed'] else 'FAILED'}")
    second = json.loads((results / "leaks-v2" / "passthrough.json").read_text())
    rates = second["metrics"]
    print(f"{'second profile':32}{second['outcome']}: leaked {rates['leak_rate']['overall']} of what the model said, "
          f"gave back {rates['fidelity_rate']} of what it was sent")
    for name, check in second["checks"].items():
        if not check["passed"]:
            print(f"  {name}: FAILED")
    return 0 if report["passed"] and second["outcome"] == "pass" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
