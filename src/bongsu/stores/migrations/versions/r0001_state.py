"""State, durable steps, live changes and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ordinal = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _wholes(*names: str, optional: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=optional) for name in names]


def upgrade() -> None:
    _counting()
    _judging()
    _carrying()
    _proving()


def _counting() -> None:
    op.create_table(
        "cell", *_texts("signal", "labels"), *_wholes("start"), *_texts("part"), *_wholes("n"),
        sa.PrimaryKeyConstraint("signal", "labels", "start", "part", name="pk_cell"), sqlite_with_rowid=False)
    op.create_table("progress", *_texts("name"), *_wholes("position"),
                    sa.PrimaryKeyConstraint("name", name="pk_progress"))
    op.create_table("engine", *_texts("name", "body"), sa.PrimaryKeyConstraint("name", name="pk_engine"))
    op.create_table("created", *_texts("objective"), *_wholes("since"),
                    sa.PrimaryKeyConstraint("objective", name="pk_created"))
    op.create_table("note", *_texts("key", "value"), sa.PrimaryKeyConstraint("key", name="pk_note"))


def _judging() -> None:
    op.create_table(
        "incident", *_texts("id", "service", "alert", "labels", "tier"), *_wholes("opened"), *_texts("cause", "phase"),
        *_wholes("cleared", "closed", optional=True), *_wholes("reopened"), *_texts("policy"),
        sa.PrimaryKeyConstraint("id", name="pk_incident"))
    op.create_index("ix_incident_opened", "incident", ["opened"])
    op.create_table(
        "moved", sa.Column("seq", _ordinal, nullable=False), *_texts("alert", "labels", "before", "after"),
        sa.Column("value", sa.Text), *_wholes("at"), *_texts("cause"), sa.PrimaryKeyConstraint("seq", name="pk_moved"))
    op.create_index("ix_moved_alert", "moved", ["alert", "labels", "at"])
    op.create_table(
        "verdict", *_texts("id"), *_wholes("at"), *_texts("service", "stage", "decision", "body"),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"))
    op.create_index("ix_verdict_at", "verdict", ["at"])


def _carrying() -> None:
    op.create_table(
        "run", *_texts("id", "incident", "playbook", "version", "steps"), *_wholes("begun"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_run_incident"))
    op.create_table(
        "step", sa.Column("ordinal", _ordinal, nullable=False), *_texts("key", "run", "incident"), *_wholes("n"),
        *_texts("kind", "state"), *_wholes("attempts", "fence", "next_at", "lease_until", "begun"),
        sa.Column("undo_wanted", sa.Boolean, nullable=False), sa.Column("traffic", sa.Boolean, nullable=False),
        *_texts("on_unknown", "lane", "words", "owner", "why"), sa.PrimaryKeyConstraint("ordinal", name="pk_step"),
        sa.UniqueConstraint("key", name="uq_step_key"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_step_run"),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_step_incident"))
    op.create_index("ix_step_state", "step", ["state", "next_at"])
    op.create_index("ix_step_lane", "step", ["lane", "ordinal"])
    op.create_index("ix_step_run", "step", ["run"])
    op.create_index("ix_step_incident", "step", ["incident"])
    op.create_table(
        "outcome", *_texts("step", "way", "result", "detail", "why"), *_wholes("at", "attempt", "fence"),
        sa.PrimaryKeyConstraint("step", "way", name="pk_outcome"),
        sa.ForeignKeyConstraint(["step"], ["step.key"], name="fk_outcome_step"))
    op.create_table(
        "change", sa.Column("seq", _ordinal, nullable=False), *_texts("key", "value", "owner"),
        sa.PrimaryKeyConstraint("seq", name="pk_change"), sa.UniqueConstraint("owner", "key", name="uq_change_owner"))


def _proving() -> None:
    op.create_table(
        "audit", *_wholes("seq"), sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False), sa.PrimaryKeyConstraint("seq", name="pk_audit"))
    op.create_table("checkpoint", *_wholes("size"), *_texts("text"), *_wholes("at"),
                    sa.PrimaryKeyConstraint("size", name="pk_checkpoint"))
