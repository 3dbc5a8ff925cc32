"""What people are told of a trouble: what is not done meanwhile, and what to do."""

from __future__ import annotations

ADVICE = {
    "ingest": "events are not stored; free disk space, nothing is lost meanwhile",
    "decisions": "decisions cannot be recorded, so none is made; free disk space",
    "live": "live policy cannot be published, gateways keep the last one; free disk space",
    "steps": "steps cannot be recorded, so none is carried out; free disk space",
    "clock": "the clock went back and that cannot be recorded; free disk space",
    "lake": "the lake is not filled; free disk space",
    "allow": "allow-list entries that are over cannot be removed, though gateways heed them no more; free disk space",
    "versions": "versions stay as they are: what is decided about them cannot be recorded; free disk space",
    "checkpoint": "the audit log cannot be signed; run `bongsu audit verify`",
    "budgets": "what was spent is not counted, so less seems left than is; free disk space",
    "used": "when keys were last used cannot be written down; free disk space",
    "references": "a reference cannot be read, so drift from it is not judged; see references in the policy",
    "sweep": "retention cannot be carried out",
}
