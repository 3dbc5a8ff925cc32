"""What people read in a notice beside its own text: the names of facts, and a few words, in English and Korean."""

from __future__ import annotations

from bongsu.ports import Notice

LABELS = {
    "en": {"incident": "Incident", "alert": "Alert", "tier": "Severity", "about": "About", "actions": "Actions",
           "channel": "Channel", "service": "Service", "open": "Open"},
    "ko": {"incident": "인시던트", "alert": "알림", "tier": "등급", "about": "대상", "actions": "조치",
           "channel": "채널", "service": "서비스", "open": "열기"},
}


def label(notice: Notice, name: str) -> str:
    """The name of a fact as people read it; one without a word of its own is shown as it is."""
    return LABELS[notice.language].get(name, name)


def fit(text: str, length: int) -> str:
    """No longer than that, and seen to be cut.

    >>> fit("abc", 3), fit("abcd", 3)
    ('abc', 'ab…')
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def plain(notice: Notice) -> str:
    """The whole notice as lines of text, without control characters."""
    facts = [f"{label(notice, name)}: {value}" for name, value in notice.facts.items()]
    text = "\n".join(line for line in (notice.title, notice.text, *facts, notice.url) if line)
    return "".join(c for c in text if c.isprintable() or c == "\n")
