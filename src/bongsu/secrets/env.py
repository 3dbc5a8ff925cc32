"""Secrets in the environment of the process: ``secret://env/NAME``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bongsu.ports import Secret, SecretError


@dataclass(frozen=True)
class Env:
    """``secret://env/SLACK_WEBHOOK`` is the value of that variable when bongsu started."""

    def get(self, path: str) -> Secret:
        value = os.environ.get(path, "")
        if not value:
            came = "an empty one" if path in os.environ else "none of that name"
            raise SecretError(f"secret://env/{path}: expected a variable with a value, came {came}; "
                              "set it in the environment that starts bongsu")
        return Secret(value)
