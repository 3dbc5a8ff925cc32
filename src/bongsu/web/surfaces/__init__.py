"""The APIs that callers speak to the gateway: each a file, and a line of this table."""

from __future__ import annotations

from bongsu.web.surface import Surface
from bongsu.web.surfaces.chat import Chat
from bongsu.web.surfaces.messages import Messages
from bongsu.web.surfaces.responses import Responses

SURFACES: tuple[Surface, ...] = (Chat(), Messages(), Responses())
_BY_PATH = {f"/v1{surface.path}": surface for surface in SURFACES}
PATHS = tuple(_BY_PATH)


def surface_of(path: str) -> Surface | None:
    return _BY_PATH.get(path)
