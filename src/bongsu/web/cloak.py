"""What of sent events may be stored: tokens for what is personal, texts apart, and what tokens stand for in boxes.

Names of people are always tokens; forms of personal data (an address, a number) are tokens wherever a caller may write.
Guards of ``on: store`` also look at what a model was given and said (texts of features, predictions, labels) and at
prompts and replies; those are long and such guards slow, so they are read apart from the events (``veiled``).

Where the policy keeps a vault, tokens are noted as the gateway notes them: under the keys of the person whose event it
is (``user``), of the person who is named, or of the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import COLUMNS, FEATURES, TEXTS, Event, TextColumns, feature_column, feature_of
from bongsu.guard import Guard
from bongsu.novelty import Known
from bongsu.privacy.sealing import KIND, Noting, Said, Sealer
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import DAY
from bongsu.sources.columns import cells
from bongsu.web.masking import KEPT, TAG, Masking
from bongsu.web.veil import veiled
from bongsu.wording import Wording

PEOPLE = {"user": "USER", "annotator": "USER", "conversation": "CONVERSATION"}
"""Columns that name somebody: a token always stands for them."""
_AS_THEY_ARE = frozenset(("id", "call", "trace", "parent", "response_id", "kind", "origin", "service", "policy",
                          "verdicts", "prompt", "reply", *PEOPLE))
_TEXTS = tuple(name for name, kind in COLUMNS.items() if kind == "text" and name not in _AS_THEY_ARE)
_SAID = ("prediction", "label")
"""Columns of the fact itself that may hold somebody's words, so that guards of ``on: store`` look at them too."""

Noted = Mapping[str, str]
"""Token -> value."""


class Cloaked(NamedTuple):
    """Events as they may be stored, their texts as events of their own, and the boxes of what both hide."""

    table: pa.Table
    texts: list[Event]
    boxes: list[Event]


class Cloak:
    """One policy's way of masking what is sent. Safe to use from many threads."""

    def __init__(self, tokens: Tokeniser, service: str, policy: str, ids: Callable[[], str], *,
                 guards: Sequence[Guard] = (), sealer: Sealer | None = None,
                 clusters: frozenset[str] = frozenset(), worded: frozenset[str] = frozenset(),
                 wording: Wording | None = None) -> None:
        self._tokens, self._service, self._policy, self._ids = tokens, service, policy, ids
        self._sealer, self._clusters, self._wording = sealer, clusters, wording
        self._worded = frozenset(feature_column(name, "text") for name in worded)
        self.guards = tuple(guard for guard in guards if "store" in guard.on)

    def masked(self, table: pa.Table) -> Cloaked:
        """The events without what is personal; their texts, masked by form, as events of their own."""
        known = self._wording.known() if self._wording is not None else {}
        for one in TEXTS:
            if one.text in self._clusters:
                table = _placed(table, one)
            if one.text in known:
                table = _worded(table, known[one.text], one)
        noting, notes = self._noting(), _Notes()
        columns = table.columns
        for place, name in enumerate(table.column_names):
            if columns[place].null_count < table.num_rows:
                columns[place] = self._column(name, columns[place], noting, notes)
        columns[table.column_names.index("policy")] = pa.repeat(pa.scalar(self._policy, pa.string()), table.num_rows)
        masked = pa.Table.from_arrays(columns, schema=table.schema)
        people = masked["user"].to_pylist() if noting else ()
        texts = self._apart(table, noting, notes)
        return Cloaked(masked, texts, self._boxes(notes.said(people, table["time"])) if noting else [])

    def veiled(self, texts: Sequence[Event], users: Mapping[str, str]) -> tuple[list[Event], list[Event]]:
        """The texts that the guards of ``on: store`` have read, and the boxes of what they found. Slow.

        ``users`` is the token of each call's user. A text that a guard failing closed could not read is not there.
        """
        noting = self._noting()
        kept, said = [], []
        for text in texts:
            tokens = self._tokener(noting)
            if (one := veiled(text, self.guards, tokens.mask)) is not None:
                kept.append(one)
                if isinstance(tokens, Noting) and tokens.noted:
                    said.append(Said(users.get(text.call, ""), text.time, tokens.noted))
        return kept, self._boxes(said)

    # ---- columns ----

    def _column(self, name: str, values: Any, noting: bool, notes: _Notes) -> Any:
        """A column as it may be stored. Each value is looked at once."""
        if name in ("prompt", "reply"):
            return pa.nulls(len(values), pa.string())
        if name in PEOPLE:
            return self._mapped(values, lambda masking, text: masking.token(PEOPLE[name], text), noting, notes)
        if name in self._worded:
            return cells(values)
        if name in _SAID or (name.startswith(FEATURES) and feature_of(name)[1] == "text"):
            return self._mapped(values, self._words, noting, notes)
        return self._mapped(values, _tag, noting, notes) if name in _TEXTS else values

    def _mapped(self, values: Any, make: Callable[[Masking, str], str | None], noting: bool, notes: _Notes) -> Any:
        """Every text of a column through a function, once for each that differs."""
        coded = (values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values).dictionary_encode()
        texts, made = coded.dictionary.to_pylist(), []
        for place, text in enumerate(texts):
            tokens = self._tokener(noting)
            made.append(make(Masking(tokens), text))
            if isinstance(tokens, Noting) and tokens.noted:
                notes.add(pc.indices_nonzero(pc.equal(coded.indices, place)), tokens.noted)
        return values if made == texts else pa.array(made, pa.string()).take(coded.indices)

    def _words(self, masking: Masking, text: str) -> str | None:
        """A short text by the rule of tags, after the guards of ``on: store``; None where one failed closed."""
        one = veiled(Event(id="", time=0, prompt=text), self.guards, masking.for_store) if self.guards else None
        if self.guards and one is None:
            return None
        return _tag(masking, text if one is None else one.prompt or "")

    def _apart(self, table: pa.Table, noting: bool, notes: _Notes) -> list[Event]:
        if all(table[name].null_count == table.num_rows for name in ("prompt", "reply")):
            return []
        there = pc.or_(pc.is_valid(table["prompt"]), pc.is_valid(table["reply"]))
        places = pc.indices_nonzero(there)
        rows = table.select(["id", "time", "route", "prompt", "reply"]).take(places).to_pylist()
        out = []
        for place, row in zip(places.to_pylist(), rows, strict=True):
            tokens = self._tokener(noting)
            prompt, reply = (None if text is None else Masking(tokens).tag(text)[:KEPT]
                             for text in (row["prompt"], row["reply"]))
            if isinstance(tokens, Noting) and tokens.noted:
                notes.add(pa.array([place]), tokens.noted)
            out.append(Event(id=f"{row['id']}-content", kind="content", call=row["id"], time=row["time"],
                             service=self._service, route=row["route"] or "", policy=self._policy, prompt=prompt,
                             reply=reply))
        return out

    # ---- what tokens stand for ----

    def _noting(self) -> bool:
        """Whether there is a box to be filled now."""
        return self._sealer is not None and isinstance(self._sealer.noting(self._tokens), Noting)

    def _tokener(self, noting: bool) -> Tokeniser:
        return Noting(self._tokens) if noting else self._tokens

    def _boxes(self, said: Iterable[Said]) -> list[Event]:
        out = []
        for one in said:
            tokens = Noting(self._tokens)
            tokens.noted.update(one.values)
            box = self._sealer.sealed(tokens, one.subject, one.at) if self._sealer is not None else None
            if box is not None:
                out.append(Event(id=f"{self._ids()}-vault", kind=KIND, time=one.at, service=self._service,
                                 policy=self._policy, name=box[0], prompt=box[1]))
        return out


class _Notes:
    """What the tokens of each row stand for."""

    def __init__(self) -> None:
        self._found: list[tuple[pa.Array, Noted]] = []

    def add(self, rows: pa.Array, noted: Noted) -> None:
        self._found.append((rows, dict(noted)))

    def said(self, people: Sequence[str | None], times: Any) -> list[Said]:
        """One for each person and day, dated by the first of its events: what was to be forgotten since then is."""
        when = times.to_pylist()
        made: dict[tuple[str, int], tuple[int, dict[str, str]]] = {}
        for rows, noted in self._found:
            for row in rows.to_pylist():
                for token, value in noted.items():
                    whose = token if token.startswith("USER_") else people[row] or ""
                    key = whose, when[row] // DAY
                    at, values = made.get(key, (when[row], {}))
                    values[token] = value
                    made[key] = min(at, when[row]), values
        return [Said(whose, at, values) for (whose, _), (at, values) in made.items()]


def _tag(masking: Masking, text: str) -> str:
    return masking.tag(text)[:TAG]


def _worded(table: pa.Table, known: Known, of: TextColumns) -> pa.Table:
    """Events with how much of their texts is in new words: predictions, and others that have such a text."""
    texts = table[of.text]
    about = pc.or_(pc.is_valid(texts), pc.equal(table["kind"], "prediction"))
    shares = pa.array([known.share(text) for text in texts.to_pylist()], pa.float64())
    found = {of.words: shares, of.by: pc.if_else(about, pa.scalar(known.version), pa.scalar(None, pa.string()))}
    for name, values in found.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _placed(table: pa.Table, of: TextColumns) -> pa.Table:
    """Events with the cells of their texts; one that came with its cell keeps it."""
    where = table.column_names.index(of.cells)
    return table.set_column(where, of.cells, pc.coalesce(table[of.cells], cells(table[of.text])))
