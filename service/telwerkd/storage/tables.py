"""The tables, as they are after the last migration. Account first in every key.

Ids compare byte by byte: SQLite does so by itself, PostgreSQL in the collation "C".
"""

import sqlalchemy as sa

metadata = sa.MetaData()

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Micros = sa.BigInteger()
Blob = sa.LargeBinary()

# `sqlite_with_rowid=False` clusters a table by its key, so that a conversation's events lie side by side.

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("high_water", Micros, nullable=False),
    sa.Column("time_zone", sa.Text),
    sqlite_with_rowid=False,
)

widget_settings = sa.Table(
    "widget_settings",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("widget_id", Id, primary_key=True),
    sa.Column("effective_time", Micros, primary_key=True),
    sa.Column("settings", Blob, nullable=False),
    sqlite_with_rowid=False,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("conversation_id", Id, primary_key=True),
    sa.Column("event_id", Id, primary_key=True),
    sa.Column("occur_time", Micros, nullable=False),
    sa.Column("body", Blob, nullable=False),
    sqlite_with_rowid=False,
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("conversation_id", Id, primary_key=True),
    sa.Column("due", Micros),
    sa.Column("state", Blob, nullable=False),
    sqlite_with_rowid=False,
)
# Only the conversations whose limit runs: as many as are live and unanswered at the moment.
sa.Index(
    "conversations_due",
    conversations.c.account_id,
    conversations.c.due,
    sqlite_where=conversations.c.due.is_not(None),
    postgresql_where=conversations.c.due.is_not(None),
)

names = sa.Table(
    "names",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("family", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("name", Id, primary_key=True),
    sqlite_with_rowid=False,
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("grouping", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("operator_id", Id, primary_key=True),
    sa.Column("group_id", Id, primary_key=True),
    sa.Column("widget_id", Id, primary_key=True),
    sa.Column("value", Id, primary_key=True),
    sa.Column("cells", Blob, nullable=False),
    sqlite_with_rowid=False,
)

# What was counted since its measure was last compacted into `counters`: a row per transaction and measure.
deltas = sa.Table(
    "deltas",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("leaves", Blob, nullable=False),
    sqlite_with_rowid=False,
)
