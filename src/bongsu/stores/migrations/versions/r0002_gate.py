"""The gate: denials that stay until a person clears them, overrides, and markers of deployments."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ordinal = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "latch", sa.Column("seq", _ordinal, nullable=False), *_texts("alert", "cause"), *_wholes("since", "cleared"),
        *_texts("actor", "reason"), sa.PrimaryKeyConstraint("seq", name="pk_latch"))
    op.create_index("ix_latch_cleared", "latch", ["cleared"])
    op.create_table(
        "override", *_texts("id", "service", "stage", "author", "reason"), *_wholes("lasting"),
        sa.Column("including_stale", sa.Boolean, nullable=False), *_wholes("requested"), *_texts("approver"),
        *_wholes("approved", "expires"), *_texts("signature"), *_wholes("revoked"), *_texts("revoker", "why_revoked"),
        sa.PrimaryKeyConstraint("id", name="pk_override"))
    op.create_index("ix_override_expires", "override", ["expires"])
    op.create_table(
        "marker", sa.Column("seq", _ordinal, nullable=False), *_wholes("at"),
        *_texts("service", "source", "kind", "text", "detail"), sa.PrimaryKeyConstraint("seq", name="pk_marker"))
    op.create_index("ix_marker_at", "marker", ["at"])
