"""By which rules accounts and conversations are counted, and when events were accepted.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns. All that is there is counted by the rules of part one; when it was accepted, nobody knows."""
    op.add_column("accounts", sa.Column("rules_version", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("accounts", sa.Column("rules_target", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("accounts", sa.Column("rules_max", sa.SmallInteger))
    op.add_column("accounts", sa.Column("known_from", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("accounts", sa.Column("accepted", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("accounts", sa.Column("accepted_from", sa.BigInteger))
    op.add_column("accounts", sa.Column("removed_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("conversations", sa.Column("rules", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("events", sa.Column("accepted", sa.BigInteger))


def downgrade() -> None:
    """Removes the columns."""
    op.drop_column("events", "accepted")
    op.drop_column("conversations", "rules")
    added = ("removed_at", "accepted_from", "accepted", "known_from", "rules_max", "rules_target", "rules_version")
    for name in added:
        op.drop_column("accounts", name)
