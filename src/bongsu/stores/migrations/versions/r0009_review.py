"""Reviews: cases that people must look at, and what the event log is still to be told of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review", sa.Column("id", sa.Text, nullable=False), sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False), sa.Column("prompt", sa.Text), sa.Column("reply", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_review"))
    op.create_index("ix_review_ended", "review", ["ended"])
    op.create_table(
        "review_told", sa.Column("id", sa.Text, nullable=False), sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_review_told"))
