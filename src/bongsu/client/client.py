"""What an application calls."""

from __future__ import annotations

import atexit
import json
import os
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from bongsu.client.delivery import Counts, Delivery
from bongsu.client.spill import Spill
from bongsu.ids import ulids

Value = float | str | bool | None
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Client:
    """Sends events to a control port (``url``) with an ingest token.

    ``queue`` is how many events may wait in memory; with a ``spill`` folder more wait there while control cannot be
    reached, up to ``spill_bytes``, also over a restart. ``on_drop`` is told how many events were given up, and why.
    ``tags`` (model, environment, …) are on every event. ``wait`` is how long a batch is waited for, in seconds.
    """

    def __init__(self, url: str, token: str = "", *, queue: int = 10_000, batch: int = 500, wait: float = 0.5,
                 timeout: float = 10.0, spill: Path | str | None = None, spill_bytes: int = 256 << 20,
                 on_drop: Callable[[int, str], None] | None = None, **tags: Any) -> None:
        self._tags = tags
        self._delivery = Delivery(url, token, queue=queue, batch=batch, wait=wait, timeout=timeout, on_drop=on_drop,
                                  spill=None if spill is None else Spill(Path(spill), spill_bytes))
        self._ids = ulids(now)
        _children()
        _open.add(self)
        _delivering.add(self._delivery)

    def prediction(self, prediction: object = None, *, id: str | None = None, score: float | None = None,  # noqa: A002
                   features: Mapping[str, Value] | None = None, **columns: Any) -> str:
        """A model's output; the id that is returned is what its label must name."""
        return self._send("prediction", id, {"prediction": _word(prediction), "score": score, "features": features,
                                             **columns})

    def label(self, call: str, label: object, *, id: str | None = None, name: str = "",  # noqa: A002
              annotator: str = "", time: int | datetime | None = None, **columns: Any) -> str:
        """The truth about a prediction or call, whenever it is known. A newer one corrects it; None takes it back.

        ``name`` tells kinds of label apart (``review``, ``feedback``); without one it is the ordinary label.
        """
        return self._send("label", id, {"call": call, "label": _word(label), "name": name, "annotator": annotator,
                                        "time": time, **columns})

    def event(self, kind: str = "call", *, id: str | None = None, **columns: Any) -> str:  # noqa: A002
        """Any other fact; ``columns`` are those of an event, ``time`` is now unless given."""
        return self._send(kind, id, columns)

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        return self._delivery.counts()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all so far is sent; False where that takes longer."""
        return self._delivery.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what waits, as long as it may take, and end. False where something was left (in the spill, or lost)."""
        _delivering.discard(self._delivery)
        return self._delivery.close(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        """Ends without keeping the event loop waiting."""
        import asyncio

        await asyncio.to_thread(self.close)

    def _send(self, kind: str, given: str | None, columns: Mapping[str, Any]) -> str:
        key = given or self._ids()
        try:
            fields = {name: value for name, value in {**self._tags, **columns}.items() if value not in (None, "")}
            fields |= {"id": key, "kind": kind, "time": _microseconds(fields.get("time"))}
            self._delivery.put(_encode(_known(fields)).encode())
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not stop the application
            self._delivery.drop(1, f"an event cannot be encoded: {type(error).__name__}: {error}")
        return key

    def _forked(self) -> None:
        """In a child: what waits is the parent's to send, and ids begin anew."""
        self._delivery = self._delivery.again()
        _delivering.add(self._delivery)
        self._ids = ulids(now)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """Without numbers that are none: NaN says that a value is missing."""
    features = fields.get("features")
    if features:
        fields["features"] = {name: None if value != value else value for name, value in features.items()}
    return {name: value for name, value in fields.items() if value == value}


def _word(value: object) -> str | None:
    """A class as a text: 1, 1.0 and '1' are the same; True is '1', as most data sets write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _microseconds(given: Any) -> int:
    if given is None:
        return now()
    if isinstance(given, datetime):
        moment = given if given.tzinfo else given.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    return int(given)


_open: weakref.WeakSet[Client] = weakref.WeakSet()
_delivering: weakref.WeakSet[Delivery] = weakref.WeakSet()
"""A delivery lives as long as its thread, though nobody holds its client any more."""


def _at_exit() -> None:
    for delivery in list(_delivering):
        delivery.close(5.0)


def _after_fork() -> None:
    _delivering.clear()
    for client in list(_open):
        client._forked()


def _children(_: object = None) -> None:
    """A child of ``multiprocessing`` runs no ``atexit``: it has exits of its own, and forgets them when it begins."""
    from multiprocessing import parent_process, util

    if not _known_to:
        _known_to.append(_children)
        util.register_after_fork(_children, _children)
    if parent_process() is not None and os.getpid() not in _ending:
        _ending.add(os.getpid())
        util.Finalize(None, _at_exit, exitpriority=0)


_known_to: list[object] = []
_ending: set[int] = set()
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
