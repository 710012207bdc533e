"""A version for every chunk, so that what is made of chunks can be kept.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the table; every chunk that is there begins at 1."""
    op.create_table(
        "chunk_versions",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO chunk_versions (account_id, measure, chunk, version) "
        "SELECT DISTINCT account_id, measure, chunk, 1 FROM counters"
    )


def downgrade() -> None:
    """Removes the table."""
    op.drop_table("chunk_versions")
