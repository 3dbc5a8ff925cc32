"""A note may say when it was written, so that retention can end it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("note", sa.Column("at", sa.BigInteger, nullable=False, server_default="0"))
