"""A signed-in page of the cockpit in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@contextmanager
def entering(browser: Browser, url: str, token: str, first: str = "/") -> Iterator[Callable[..., Page]]:
    """Signs in and opens a page (``first``, if none is named); fails if a page's script or policy complained."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def enter(path: str = first, locale: str = "en-GB", script: bool = True, width: int = 1280) -> Page:
        context = browser.new_context(locale=locale, java_script_enabled=script, reduced_motion="reduce",
                                      viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda s: complaints.append(s.text) if "Content Security Policy" in s.text else None)
        page.goto(url + path)
        page.get_by_label("Admin token" if locale.startswith("en") else "관리자 토큰").fill(token)
        page.keyboard.press("Enter")
        page.wait_for_url(url + path)
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []
