"""The thread that delivers: a bounded queue, batches, another try until it is taken, and a count of what is not."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bongsu.client.spill import Spill

log = logging.getLogger("bongsu.client")
MOST_BYTES = 1 << 20
SHORTEST, LONGEST = 0.2, 30.0
PATIENCE = 0.1
"""Seconds an application may be held up by a disk that takes what its burst is too much for: once, then not until the
disk takes something again."""
WRONG = (400, 404, 405, 411, 413, 415)
"""What control will say of these very bytes every time."""


@dataclass(frozen=True)
class Counts:
    """What became of events: ``duplicates`` had been taken before, ``refused`` were wrong, ``dropped`` given up."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    dropped: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class _Reply:
    status: int
    said: dict[str, Any]
    after: float = 0.0


class Delivery:
    """Sends encoded events, in the order they were put."""

    def __init__(self, url: str, token: str, *, queue: int, batch: int, wait: float, timeout: float,
                 spill: Spill | None, on_drop: Callable[[int, str], None] | None) -> None:
        self._settings: dict[str, Any] = {"queue": queue, "batch": batch, "wait": wait, "timeout": timeout,
                                          "spill": spill, "on_drop": on_drop}
        self._url, self._token, self._most, self._batch = url, token, queue, batch
        self._wait, self._timeout, self._spill, self._on_drop = wait, timeout, spill, on_drop
        self._queue: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._disk = threading.Lock()
        self._thread: threading.Thread | None = None
        self._relief: threading.Thread | None = None
        self._sending, self._closing, self._flushing = 0, False, 0
        self._kept_aside, self._stuck = 0, spill is None
        self._failures, self._after, self._held = 0, 0.0, False
        self._counts = {"accepted": 0, "duplicates": 0, "refused": 0, "dropped": 0}
        self._said: set[str] = set()
        self._connection: Any = None

    def again(self) -> Delivery:
        """The same with nothing waiting: what a forked child goes on with."""
        return Delivery(self._url, self._token, **self._settings)

    def put(self, event: bytes) -> None:
        """Queue an event; where there is no room it is given up, and counted.

        With a disk to wait on there is room soon: the queue is taken there as a whole, if that thread comes to run.
        """
        with self._changed:
            if not self._stuck and len(self._queue) >= self._most:
                self._stuck = not self._changed.wait_for(
                    lambda: self._closing or len(self._queue) < self._most, PATIENCE)
            full = len(self._queue) >= self._most or self._closing
            if not full:
                self._start()
                self._queue.append(event)
                if len(self._queue) >= min(self._batch, self._half):
                    self._changed.notify_all()
        if full:
            self.drop(1, "the client is closed" if self._closing else f"{self._most} events wait already")

    def _start(self) -> None:
        """With the first event, not before: most programs that are forked have sent none yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="bongsu-client", daemon=True)
            self._thread.start()
        if self._relief is None and self._spill is not None:
            self._relief = threading.Thread(target=self._relieve, name="bongsu-client-disk", daemon=True)
            self._relief.start()

    def drop(self, n: int, why: str, counted: str = "dropped") -> None:
        """Count what is given up, say so once, and tell who asked to be told."""
        with self._changed:
            self._counts[counted] += n
            first = counted not in self._said
            self._said.add(counted)
        if first:
            log.warning("events are lost: %s; further ones are only counted (Client.counts)", why)
        if self._on_drop is not None:
            try:
                self._on_drop(n, why)
            except Exception:
                log.exception("on_drop failed")

    @property
    def _half(self) -> int:
        return max(1, self._most // 2)

    def counts(self) -> Counts:
        with self._changed:
            return Counts(**self._counts, waiting=len(self._queue) + self._sending + self._kept_aside)

    def flush(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(self._empty, max(0.0, end - time.monotonic()))
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> bool:
        sent = self.flush(timeout) if self._thread is not None else True
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in (self._thread, self._relief):
            if thread is not None and threading.current_thread() is not thread:
                thread.join(self._timeout + 1.0)
        left = self._taken(len(self._queue))
        kept = self._keep(left)
        with self._changed:
            self._sending = 0
        if kept < len(left):
            self.drop(len(left) - kept, "control was not reached before the end")
        return sent and not left

    def _empty(self) -> bool:
        return not self._queue and not self._sending and not self._kept_aside and not self._held

    # ---- in the thread ----

    def _run(self) -> None:
        if self._spill is not None:
            self._quietly(self._spill.rescue)
            self._held = bool(self._quietly(self._spill.waiting))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or bool(self._flushing) or len(self._queue) >= self._batch,
                                       self._wait)
                if self._closing and (not self._queue or self._failures):
                    break
            self._once()
        if self._connection is not None:
            self._connection.close()

    def _relieve(self) -> None:
        """While a batch is on its way, which may take long, what fills the queue waits on disk instead."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or len(self._queue) >= self._half)
                if self._closing:
                    return
                waiting, self._kept_aside = list(self._queue), len(self._queue)
                self._queue.clear()
                self._changed.notify_all()
            kept = self._keep(waiting)
            with self._changed:
                self._queue.extendleft(reversed(waiting[kept:]))
                self._kept_aside, self._stuck = 0, not kept
                self._changed.notify_all()
                if kept < len(waiting):  # the disk is full too: what comes now is dropped, and counted
                    self._changed.wait_for(lambda: self._closing, SHORTEST)

    def _once(self) -> None:
        """What waits on disk first, since it is older; then a batch of the queue."""
        if not self._failures:
            self._send_what_is_held()
        batch = self._taken(self._batch)
        if not batch:
            if self._failures and self._reaches():
                self._failures = 0
            return
        sent = self._send(batch)
        if not sent:
            self._hold(batch)
        with self._changed:
            self._sending = 0
            self._changed.notify_all()
        if not sent:
            self._pause()

    def _send_what_is_held(self) -> None:
        while self._spill is not None and (held := self._quietly(self._spill.take)):
            path, events = held
            parts = [events[i : i + self._batch] for i in range(0, len(events), self._batch)]
            if not all(map(self._send, parts)):
                self._quietly(self._spill.give_back, path)
                return
            self._quietly(self._spill.done, path)
        with self._disk, self._changed:
            self._held = bool(self._quietly(self._spill.waiting)) if self._spill is not None else False
            self._changed.notify_all()

    def _taken(self, most: int) -> list[bytes]:
        with self._changed:
            batch: list[bytes] = []
            size = 0
            while self._queue and len(batch) < most and (size < MOST_BYTES or most != self._batch):
                batch.append(self._queue.popleft())
                size += len(batch[-1])
            self._sending = len(batch)
            return batch

    def _hold(self, batch: list[bytes]) -> None:
        """Keep what was not taken: on disk with all that waits, if there is one; else where it was."""
        if self._spill is not None:
            waiting = [*batch, *self._taken(self._most)]
            kept = self._keep(waiting)
            batch = waiting[kept:]
        with self._changed:
            self._queue.extendleft(reversed(batch))

    def _keep(self, events: list[bytes]) -> int:
        with self._disk:
            kept = 0 if self._spill is None or not events else int(self._quietly(self._spill.put, events) or 0)
        with self._changed:
            self._held = self._held or kept > 0
        return kept

    def _quietly(self, work: Callable[..., Any], *given: Any) -> Any:
        """What a disk may refuse: it is said once, and the events stay where they were."""
        try:
            return work(*given)
        except OSError as error:
            if "disk" not in self._said:
                self._said.add("disk")
                log.warning("events cannot be kept on disk: %s", error)
            return None

    def _pause(self) -> None:
        """Twice as long after each failure, a little at random, at least as long as control asked for."""
        longest = min(LONGEST, SHORTEST * 2.0 ** min(self._failures - 1, 10))
        with self._changed:
            self._changed.wait_for(lambda: self._closing, max(self._after, longest * random.uniform(0.5, 1.0)))  # noqa: S311

    # ---- over the wire ----

    def _send(self, batch: list[bytes]) -> bool:
        """Whether it needs no other try: taken, or wrong for ever."""
        if not batch:
            return True
        reply = self._post(b"\n".join(batch))
        if reply is None or (reply.status not in (200, 422) and reply.status not in WRONG):
            self._failures += 1
            self._after = reply.after if reply is not None else 0.0
            if reply is not None and reply.status in (401, 403) and "token" not in self._said:
                self._said.add("token")
                log.warning("control refuses the token (HTTP %d); events wait until it is right", reply.status)
            return False
        self._failures, self._after = 0, 0.0
        if reply.status == 413 and len(batch) > 1:
            half = len(batch) // 2
            return self._send(batch[:half]) and self._send(batch[half:])
        if reply.status in WRONG:
            self.drop(len(batch), f"control answered HTTP {reply.status}")
            return True
        refused = reply.said.get("refused") or []
        with self._changed:
            self._counts["accepted"] += reply.said.get("accepted", 0)
            self._counts["duplicates"] += reply.said.get("duplicates", 0)
        if refused:
            one = refused[0]
            self.drop(len(refused) + reply.said.get("refused_more", 0),
                      f"{one.get('field')}: expected {one.get('expected')}, came {one.get('came')}", "refused")
        return True

    def _reaches(self) -> bool:
        """Whether control takes events again; asked with none, so that nothing is at stake."""
        reply = self._post(b"")
        if reply is None or reply.status not in (200, 422):
            self._failures += 1
            self._pause()
            return False
        return True

    def _post(self, body: bytes) -> _Reply | None:
        """None where nobody answered. A connection that has died since the last time is tried once more."""
        import http.client

        headers = {"content-type": "application/x-ndjson", "authorization": f"Bearer {self._token}"}
        for _ in range(2):
            fresh = self._connection is None
            try:
                if fresh:
                    self._connection = self._connect(http.client)
                self._connection.request("POST", urlsplit(self._url).path.rstrip("/") + "/v1/events", body, headers)
                reply = self._connection.getresponse()
                text = reply.read()
                said = json.loads(text) if text[:1] == b"{" else {}
                after = reply.headers.get("retry-after", "")
                return _Reply(reply.status, said, float(after) if after.isdigit() else 0.0)
            except (OSError, http.client.HTTPException, ValueError):
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                if fresh:
                    return None
        return None

    def _connect(self, http: Any) -> Any:
        parts = urlsplit(self._url)
        kind = http.HTTPSConnection if parts.scheme == "https" else http.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=self._timeout)
