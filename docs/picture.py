"""Takes ``docs/cockpit.png`` anew: plays the demo, and pictures the cockpit once its severe incident is contained.

Run by ``make picture``. Needs Chromium, as the tests of the cockpit do; takes two to three minutes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bongsu.verbs.client import Client, UnreachableError

PICTURE = Path(__file__).with_name("cockpit.png")
PATIENCE = 600.0
ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def told(demo: subprocess.Popen[str]) -> tuple[str, str]:
    """Where the cockpit of a demo is, and the token to sign in with."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if found := re.match(r"cockpit\s+(\S+)/\s+\(sign in with the token (\S+)\)", line):
            return found[1], found[2]
    raise SystemExit("the demo ended before it said where its cockpit is")


def board(url: str, token: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = Client(url, token).get("/v1/board")
    except UnreachableError:  # it is busy: looked at again
        return {"incidents": []}
    return found


def contained(shown: dict[str, Any]) -> bool:
    """Whether a severe incident is open, and all of its actions are done."""
    return any(i["phase"] == "open" and i["tier"] == "severe" and i["actions"]
               and all(action["state"] in ("done", "undo_waiting") for action in i["actions"])
               for i in shown["incidents"])


def take(url: str, token: str) -> None:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGS)
        page = browser.new_page(locale="en-GB", viewport={"width": 1280, "height": 1200}, reduced_motion="reduce")
        page.goto(f"{url}/")
        page.get_by_label("Admin token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("Open incidents").wait_for()
        page.wait_for_load_state("load")
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()


def main() -> None:
    words = [sys.executable, "-m", "bongsu", "demo", *sys.argv[1:]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as demo:  # noqa: S603 (our own verb)
        try:
            url, token = told(demo)
            end = time.monotonic() + PATIENCE
            while not contained(board(url, token)):
                if time.monotonic() > end:
                    raise SystemExit(f"expected a severe incident within {PATIENCE:g} s; none was contained")
                time.sleep(0.5)
            take(url, token)
            print(f"{PICTURE}: taken")  # noqa: T201
        finally:
            demo.terminate()


if __name__ == "__main__":
    main()
