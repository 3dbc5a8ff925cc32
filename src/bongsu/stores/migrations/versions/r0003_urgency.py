"""Steps have an urgency: what is severe goes before ten thousand that are not."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_RUNS = sa.text("state IN ('running', 'undo_running')")
_OPEN = sa.text("state IN ('waiting', 'undo_waiting', 'running', 'undo_running')")
_WAITS = sa.text("state IN ('waiting', 'undo_waiting')")


def upgrade() -> None:
    op.add_column("step", sa.Column("urgency", sa.BigInteger, nullable=False, server_default="2"))
    op.create_index("ix_step_due", "step", ["urgency", "next_at", "ordinal"], sqlite_where=_WAITS,
                    postgresql_where=_WAITS)
    op.create_index("ix_step_runs", "step", ["lease_until"], sqlite_where=_RUNS, postgresql_where=_RUNS)
    op.drop_index("ix_step_state", "step")
    op.drop_index("ix_step_lane", "step")
    op.create_index("ix_step_lane", "step", ["lane", "ordinal"], sqlite_where=_OPEN, postgresql_where=_OPEN)
