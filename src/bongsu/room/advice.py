"""What control says when a store cannot be used, and what to do about it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import OperationalError

from bongsu.ports import SecretError
from bongsu.privacy.envelope import SealError
from bongsu.references import ColumnsError
from bongsu.stores.database import StateError
from bongsu.stores.faults import LogError
from bongsu.stores.lake import LakeError
from bongsu.stores.vault import VaultError
from bongsu.wraps.wrapping import WrapError

FAULTS = (ColumnsError, LogError, LakeError, StateError, VaultError, WrapError, SecretError, SealError, sqlite3.Error,
          OperationalError, OSError)
"""What a store says that is full, damaged or gone."""
ADVICE = {
    "ingest": "events are not stored; free disk space, nothing is lost meanwhile",
    "decisions": "decisions cannot be recorded, so none is made; free disk space",
    "live": "live policy cannot be published, gateways keep the last one; free disk space",
    "steps": "steps cannot be recorded, so none is carried out; free disk space",
    "clock": "the clock went back and that cannot be recorded; free disk space",
    "lake": "the lake is not filled; free disk space",
    "allow": "allow-list entries that are over cannot be removed, though gateways heed them no more; free disk space",
    "epochs": "a new token epoch cannot be begun, or who acts carried over; free disk space",
    "versions": "versions stay as they are: what is decided about them cannot be recorded; free disk space",
    "checkpoint": "the audit log cannot be signed; run `bongsu audit verify`",
    "budgets": "what was spent is not counted, so less seems left than is; free disk space",
    "used": "when keys were last used cannot be written down; free disk space",
    "references": "a reference cannot be read, so drift from it is not judged; see references in the policy",
    "signals": "signals that are new or changed are not counted yet, since their past cannot be read; restore what is "
               "named here from a backup, or move it away: what it holds is then not counted",
    "pinned": "a pinned window cannot be read, so drift from it is not judged; see references in the policy",
    "reviews": "what people said of calls under review has not been carried out yet; free disk space",
    "sweep": "retention cannot be carried out",
    "vault": "what tokens stand for waits, sealed, and none of it is lost; see settings.vault_key",
}
