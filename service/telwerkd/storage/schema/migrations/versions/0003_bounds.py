"""How many events a conversation has, an account's own bound on names, and how often names were freed.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns. Rows that are there do not say how many events they have until they are written."""
    op.add_column("conversations", sa.Column("events", sa.Integer))
    op.add_column("accounts", sa.Column("names_max", sa.Integer))
    op.add_column("accounts", sa.Column("names_freed", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Removes the columns."""
    op.drop_column("accounts", "names_freed")
    op.drop_column("accounts", "names_max")
    op.drop_column("conversations", "events")
