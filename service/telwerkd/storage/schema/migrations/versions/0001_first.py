"""The first schema.

Revision ID: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_CLUSTERED = {"sqlite_with_rowid": False}


def upgrade() -> None:
    """Makes the tables."""
    # PostgreSQL takes no index entry above 2,704 bytes, and a value can be longer (a set of 20 topics): there a digest
    # of it stands in the key.
    digested = op.get_context().dialect.name == "postgresql"

    def named(name: str) -> list[sa.Column[Any]]:
        if not digested:
            return [sa.Column(name, _ID, primary_key=True)]
        digest = sa.Column(f"{name}_digest", sa.LargeBinary, primary_key=True)
        return [sa.Column(name, _ID, nullable=False), digest]

    op.create_table(
        "accounts",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("high_water", sa.BigInteger, nullable=False),
        sa.Column("horizon", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("time_zone", sa.Text),
        **_CLUSTERED,
    )
    op.create_table(
        "widget_settings",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("widget_id", _ID, primary_key=True),
        sa.Column("effective_time", sa.BigInteger, primary_key=True),
        sa.Column("settings", sa.LargeBinary, nullable=False),
        **_CLUSTERED,
    )
    op.create_table(
        "events",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("conversation_id", _ID, primary_key=True),
        sa.Column("event_id", _ID, primary_key=True),
        sa.Column("occur_time", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        **_CLUSTERED,
    )
    op.create_table(
        "conversations",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("conversation_id", _ID, primary_key=True),
        sa.Column("due", sa.BigInteger),
        sa.Column("first_time", sa.BigInteger, nullable=False),
        sa.Column("last_time", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("base", sa.LargeBinary),
        **_CLUSTERED,
    )
    op.create_index("conversations_time", "conversations", ["account_id", "last_time", "first_time"])
    op.create_table(
        "tombstones",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        **_CLUSTERED,
    )
    op.create_index(
        "conversations_due",
        "conversations",
        ["account_id", "due"],
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    )
    op.create_table(
        "names",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("family", sa.SmallInteger, primary_key=True, autoincrement=False),
        *named("name"),
        **_CLUSTERED,
    )
    op.create_table(
        "counters",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("grouping", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("operator_id", _ID, primary_key=True),
        sa.Column("group_id", _ID, primary_key=True),
        sa.Column("widget_id", _ID, primary_key=True),
        *named("value"),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        **_CLUSTERED,
    )
    op.create_table(
        "deltas",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        **_CLUSTERED,
    )
    op.create_table(
        "base_counters",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("operator_id", _ID, primary_key=True),
        sa.Column("group_id", _ID, primary_key=True),
        sa.Column("widget_id", _ID, primary_key=True),
        *named("value"),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        **_CLUSTERED,
    )


def downgrade() -> None:
    """Removes the tables."""
    for table in (
        "base_counters",
        "tombstones",
        "deltas",
        "counters",
        "names",
        "conversations",
        "events",
        "widget_settings",
        "accounts",
    ):
        op.drop_table(table)
