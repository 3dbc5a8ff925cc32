"""People: virtual keys and when each was last used; what each subject of a budget spent, and by which lease."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    op.create_table("api_key", _text("id"), _text("body"), sa.PrimaryKeyConstraint("id", name="pk_api_key"))
    op.create_table("key_used", _text("id"), _whole("used"), sa.PrimaryKeyConstraint("id", name="pk_key_used"))
    op.create_table("spent", _text("subject"), _whole("start"), _whole("n"),
                    sa.PrimaryKeyConstraint("subject", "start", name="pk_spent"), sqlite_with_rowid=False)
    op.create_index("ix_spent_start", "spent", ["start"])
    op.create_table("drawn", _text("lease"), _text("subject"), _whole("n"),
                    sa.PrimaryKeyConstraint("lease", "subject", name="pk_drawn"))
