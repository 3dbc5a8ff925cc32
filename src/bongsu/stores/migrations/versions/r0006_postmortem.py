"""Postmortems that are due, and where those that are written can be read."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "postmortem", *(sa.Column(name, sa.Text, nullable=False) for name in ("incident", "objective", "share")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("since", "written")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("url", "actor")),
        sa.PrimaryKeyConstraint("incident", "objective", name="pk_postmortem"))
    op.create_index("ix_postmortem_written", "postmortem", ["written"])
