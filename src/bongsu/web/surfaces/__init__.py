"""The APIs that callers speak to the gateway: each a file, and a line of this table."""

from __future__ import annotations

from bongsu.web.surface import Surface
from bongsu.web.surfaces.chat import Chat
from bongsu.web.surfaces.completions import Completions
from bongsu.web.surfaces.count_tokens import CountTokens
from bongsu.web.surfaces.decide import Decide
from bongsu.web.surfaces.embeddings import Embeddings
from bongsu.web.surfaces.messages import Messages
from bongsu.web.surfaces.moderations import Moderations
from bongsu.web.surfaces.predict import BEGINS, Predict
from bongsu.web.surfaces.responses import Responses

SURFACES: tuple[Surface, ...] = (Chat(), Messages(), Responses(), Completions(), Embeddings(), Moderations(),
                                 CountTokens(), Decide())
_BY_PATH = {f"/v1{surface.path}": surface for surface in SURFACES}
PATHS = (*_BY_PATH, f"{BEGINS}ROUTE")


def surface_of(path: str) -> Surface | None:
    found = _BY_PATH.get(path)
    if found is None and path.startswith(BEGINS) and len(path) > len(BEGINS):
        return Predict(path.removeprefix(BEGINS))
    return found
