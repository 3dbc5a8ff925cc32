"""Packs judged by the real engine on a virtual clock: is this threshold crossed by these events?"""

from __future__ import annotations

from bongsu.offline.checkup import count_events
from bongsu.policy import parse
from bongsu.policy.rehearse import rehearse

HEAD = "bongsu: 1\nservice: {name: bot}\n"


def fires(alert: str, extends: str, *events: str, within: str = "00:00..02:00:00") -> bool:
    """Whether an alert of a pack fires within so long of these events, each the inside of a YAML mapping."""
    happenings = "\n".join(f"      - {{{event}}}" for event in events)
    policy = parse(f"""{HEAD}extends: {extends}
tests:
  - name: boundary
    events:
{happenings}
    expect: [{{between: "{within}", alert: {alert}, state: firing}}]
""", "p.yaml", {})
    return rehearse(policy, count_events) == []
