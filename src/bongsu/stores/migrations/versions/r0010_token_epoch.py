"""Epochs of the token key: since when each counts, and what became of its key."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_epoch", sa.Column("n", sa.BigInteger, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("begins", "carried", "sealed", "gone")),
        sa.PrimaryKeyConstraint("n", name="pk_token_epoch"))
