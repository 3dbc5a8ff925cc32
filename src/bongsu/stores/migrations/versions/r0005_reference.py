"""References: the bins and counts that windows are compared with, by name and version."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference", *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "version")),
        sa.Column("seq", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("model_version", "body")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_reference"))
    op.create_index("ix_reference_seq", "reference", ["seq"])
