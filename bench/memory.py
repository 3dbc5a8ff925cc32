"""Whether a gateway's memory stays flat: ``python bench/memory.py [requests]``, 40,000 if not said (under a minute).

One gateway with all default guards, 32 connections. Every prompt is another: its own words, its own e-mail address, one
of 50,000 users; some of the time goes to streams. After every quarter of the requests, or every 50,000, the resident
memory is read. The figures of docs/performance.md are those of a million.
The curve goes to ``bench/results/memory.json`` and, with ``--svg FILE``, into a picture.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _load import Load, rss_mb
from _targets import DEFAULT, HERE, OTHERS, PROMPT, Target, bongsu, model
from gateway import body, standing

WANTED, LONGEST_STEP, CONNECTIONS, SECONDS = 40_000, 50_000, 32, 4
LUA = """
local n = %d
local prompt = %s
wrk.method = "POST"
%s
request = function()
  n = n + 1
  local said = string.format("Case %%d of %%s. Write to person.%%d@example.com, please. %%s", n, n * 7919, n, prompt)
  local body = string.format('{"model": "bench", "user": "user-%%d", "messages": [{"role": "user", "content": "%%s"}]}',
    n %% 50000, said)
  return wrk.format(nil, nil, nil, body)
end
function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('{"requests": %%d, "bad": %%d}\\n', summary.requests, bad))
end
"""


def some(load: Load, done: int) -> int:
    """A few seconds of requests, none like another; how many there were."""
    headers = "\n".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in load.headers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % (done, json.dumps(PROMPT), headers))
        script.flush()
        ran = subprocess.run(
            ["taskset", "-c", str(load.core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "20s",
             "-s", script.name, load.url], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    if found["bad"] or not found["requests"]:
        raise RuntimeError(f"{found['bad']} of {found['requests']} requests failed; see {ran.stdout}")
    return int(found["requests"])


def curve(load: Load, wanted: int) -> list[tuple[int, float]]:
    """(requests so far, resident MB)."""
    done, streamed, points = 0, 0, [(0, rss_mb(load.pid))]
    step = max(1, min(LONGEST_STEP, wanted // 4))
    while done < wanted:
        done += some(load, done)
        if done // step > streamed:
            load.streams(body(PROMPT, stream=True), CONNECTIONS, 1)
            streamed = done // step
            points.append((done, rss_mb(load.pid)))
            print(f"{done:>12,} requests {points[-1][1]:>8.1f} MB", flush=True)
    return points


def svg(points: list[tuple[int, float]]) -> str:
    wide, high, left, low = 640, 220, 56, 190
    most = max(mb for _, mb in points) * 1.25
    def at(n: int, mb: float) -> str:
        return f"{left + n / points[-1][0] * (wide - left - 16):.1f},{low - mb / most * (low - 16):.1f}"
    line = " ".join(at(n, mb) for n, mb in points)
    marks = "".join(f'<text x="{left - 8}" y="{low - mb / most * (low - 16) + 4:.0f}" text-anchor="end">{mb:.0f}</text>'
                    for mb in (0, points[-1][1]))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" '
            f'font-size="11" fill="#555"><title>Resident MB of one gateway over {points[-1][0]:,} requests</title>'
            f'<path d="M{left} 16V{low}H{wide - 16}" fill="none" stroke="#999"/>{marks}'
            f'<text x="{left}" y="{high - 12}">0</text>'
            f'<text x="{wide - 16}" y="{high - 12}" text-anchor="end">{points[-1][0]:,} requests</text>'
            f'<text x="12" y="12">MB</text>'
            f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/></svg>\n')


def main(given: list[str]) -> int:
    if shutil.which("wrk") is None:
        print("not run: expected wrk; 'make bench-peers' installs it")
        return 0
    wanted = int(given[0]) if given and given[0].isdigit() else WANTED
    os.sched_setaffinity(0, {OTHERS})
    with tempfile.TemporaryDirectory() as folder:
        upstream, port = model(OTHERS)
        try:
            with standing(Target("bongsu, all default guards", bongsu(DEFAULT)), Path(folder) / "0", port) as load:
                points = curve(load, wanted)
        finally:
            upstream.terminate()
            upstream.wait()
    first, last = points[min(2, len(points) - 1)], points[-1]
    print(f"from {first[0]:,} to {last[0]:,} requests: {last[1] - first[1]:+.1f} MB")
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "memory.json").write_text(json.dumps(points))
    if "--svg" in given:
        Path(given[given.index("--svg") + 1]).write_text(svg(points))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
