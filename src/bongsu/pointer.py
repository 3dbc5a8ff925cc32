"""JSON pointers (RFC 6901): where in a document a value stands."""

from __future__ import annotations

import re
from typing import Any

_FORM = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def is_pointer(text: str) -> bool:
    """Whether a text is a pointer; the empty one is the whole document."""
    return _FORM.fullmatch(text) is not None


def find(found: Any, pointer: str) -> Any:
    """The value that a pointer names; None where there is none.

    >>> find({"a/b": [{"~": 5}]}, "/a~1b/0/~0"), find([1], "/-1"), find([1], "")
    (5, None, [1])
    """
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and _INDEX.fullmatch(name) and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
