"""The tables of the state database, as SQLAlchemy Core knows them.

JSON is kept as text with sorted keys, instants as microseconds. What the database itself guards: a cell is one row, a
step has one outcome a way (do, undo), an audit record has one place.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(naming_convention={
    "pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s"})
# SQLite numbers rows by itself only where the key is exactly INTEGER.
ordinal = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str, optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=optional)


cell = Table(
    "cell", metadata, _key("signal"), _key("labels"),
    Column("start", BigInteger, primary_key=True, autoincrement=False), _key("part"), _whole("n"),
    sqlite_with_rowid=False)

progress = Table("progress", metadata, _key("name"), _whole("position"))

engine = Table("engine", metadata, _key("name"), _text("body"))

created = Table("created", metadata, _key("objective"), _whole("since"))

incident = Table(
    "incident", metadata, _key("id"), _text("service"), _text("alert"), _text("labels"), _text("tier"),
    _whole("opened"), _text("cause"), _text("phase"), _whole("cleared", True), _whole("closed", True),
    _whole("reopened"), _text("policy"),
    Index("ix_incident_opened", "opened"))

run = Table(
    "run", metadata, _key("id"), Column("incident", Text, ForeignKey("incident.id"), nullable=False), _text("playbook"),
    _text("version"), _text("steps"), _whole("begun"))

WAITS = text("state IN ('waiting', 'undo_waiting')")
RUNS = text("state IN ('running', 'undo_running')")
OPEN = text("state IN ('waiting', 'undo_waiting', 'running', 'undo_running')")
"""Which steps wait, which are under way, and both. Few of all steps are, and an index keeps only those, in the order in
which they are taken. Written out, since a database uses such an index only where it sees the same words."""

step = Table(
    "step", metadata, Column("ordinal", ordinal, primary_key=True), _text("key"),
    Column("run", Text, ForeignKey("run.id"), nullable=False),
    Column("incident", Text, ForeignKey("incident.id"), nullable=False),
    _whole("n"), _text("kind"), _text("state"), _whole("attempts"), _whole("fence"), _whole("next_at"),
    _whole("lease_until"), _whole("begun"), Column("undo_wanted", Boolean, nullable=False),
    Column("traffic", Boolean, nullable=False), _text("on_unknown"), _text("lane"), _text("words"), _text("owner"),
    _text("why"), Column("urgency", BigInteger, nullable=False, server_default="2"), UniqueConstraint("key"),
    Index("ix_step_due", "urgency", "next_at", "ordinal", sqlite_where=WAITS, postgresql_where=WAITS),
    Index("ix_step_runs", "lease_until", sqlite_where=RUNS, postgresql_where=RUNS),
    Index("ix_step_lane", "lane", "ordinal", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_step_run", "run"), Index("ix_step_incident", "incident"))

outcome = Table(
    "outcome", metadata, Column("step", Text, ForeignKey("step.key"), primary_key=True), _key("way"), _text("result"),
    _text("detail"), _text("why"), _whole("at"), _whole("attempt"), _whole("fence"))

change = Table(
    "change", metadata, Column("seq", ordinal, primary_key=True), _text("key"), _text("value"), _text("owner"),
    UniqueConstraint("owner", "key"))

moved = Table(
    "moved", metadata, Column("seq", ordinal, primary_key=True), _text("alert"), _text("labels"), _text("before"),
    _text("after"), Column("value", Text), _whole("at"), _text("cause"),
    Index("ix_moved_alert", "alert", "labels", "at"))

audit = Table(
    "audit", metadata, Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False), Column("leaf", LargeBinary, nullable=False))

checkpoint = Table("checkpoint", metadata, Column("size", BigInteger, primary_key=True, autoincrement=False),
                   _text("text"), _whole("at"))

verdict = Table(
    "verdict", metadata, _key("id"), _whole("at"), _text("service"), _text("stage"), _text("decision"), _text("body"),
    Index("ix_verdict_at", "at"))

latch = Table(
    "latch", metadata, Column("seq", ordinal, primary_key=True), _text("alert"), _text("cause"), _whole("since"),
    _whole("cleared"), _text("actor"), _text("reason"), Index("ix_latch_cleared", "cleared"))

override = Table(
    "override", metadata, _key("id"), _text("service"), _text("stage"), _text("author"), _text("reason"),
    _whole("lasting"), Column("including_stale", Boolean, nullable=False), _whole("requested"), _text("approver"),
    _whole("approved"), _whole("expires"), _text("signature"), _whole("revoked"), _text("revoker"),
    _text("why_revoked"), Index("ix_override_expires", "expires"))

marker = Table(
    "marker", metadata, Column("seq", ordinal, primary_key=True), _whole("at"), _text("service"), _text("source"),
    _text("kind"), _text("text"), _text("detail"), Index("ix_marker_at", "at"))

reference = Table(
    "reference", metadata, _key("name"), _key("version"), Column("seq", BigInteger, nullable=False),
    _text("model_version"), _text("body"), _whole("at"), Index("ix_reference_seq", "seq"))

postmortem = Table(
    "postmortem", metadata, _key("incident"), _key("objective"), _text("share"), _whole("since"), _whole("written"),
    _text("url"), _text("actor"), Index("ix_postmortem_written", "written"))

note = Table("note", metadata, _key("key"), _text("value"),
             Column("at", BigInteger, nullable=False, server_default="0"))

attack = Table("attack", metadata, _key("id"), _text("body"))

api_key = Table("api_key", metadata, _key("id"), _text("body"))

token_epoch = Table("token_epoch", metadata,
                    Column("n", BigInteger, primary_key=True, autoincrement=False), _whole("begins"), _whole("carried"),
                    _whole("sealed"), _whole("gone"))

key_used = Table("key_used", metadata, _key("id"), _whole("used"))

spent = Table(
    "spent", metadata, _key("subject"), Column("start", BigInteger, primary_key=True, autoincrement=False),
    _whole("n"), Index("ix_spent_start", "start"), sqlite_with_rowid=False)

drawn = Table("drawn", metadata, _key("lease"), _key("subject"), _whole("n"))

review = Table("review", metadata, _key("id"), _whole("ended"), _text("body"), Column("prompt", Text),
               Column("reply", Text), Index("ix_review_ended", "ended"))

review_told = Table("review_told", metadata, _key("id"), _text("body"))
