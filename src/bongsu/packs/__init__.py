"""Ready policies: thresholds that others have argued for, each with its source. YAML only.

A pack says what it needs of the policy that extends it under ``parameters``, and offers ``parts``: each some signals,
alerts, objectives… that stand or fall together. A part whose ``needs`` are not given is left out, and that is said.
``policy/extend.py`` reads them.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
PACKS = {path.stem: path for path in sorted(HERE.glob("*.yaml"))}
"""Name -> file."""
