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
    # Events before it were purged: they are in the conversations' base states and in `base_counters`. 0: none were.
    sa.Column("horizon", Micros, nullable=False, server_default="0"),
    sa.Column("time_zone", sa.Text),
    # Its own bound on distinct names; NULL: the one of the settings.
    sa.Column("names_max", sa.Integer),
    # Grows whenever names are freed: what servers remember of them from before is out of date.
    sa.Column("names_freed", sa.BigInteger, nullable=False, server_default="0"),
    # The rules that all of its conversations are counted by; those that new ones begin with; the newest that it wants,
    # NULL: the newest there are.
    sa.Column("rules_version", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("rules_target", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("rules_max", sa.SmallInteger),
    # What its newest rules count is wholly counted of conversations that began from then on; 0: of all.
    sa.Column("known_from", Micros, nullable=False, server_default="0"),
    # By the server's clock, and never backwards: when its last event was accepted; its first that says so, NULL: none
    # does; when something was last purged or erased, 0: nothing since schema 0004.
    sa.Column("accepted", Micros, nullable=False, server_default="0"),
    sa.Column("accepted_from", Micros),
    sa.Column("removed_at", Micros, nullable=False, server_default="0"),
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

# Opening hours, by the digest of their content: events and settings name them, and none is ever changed.
schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("schedule_id", Blob, primary_key=True),
    sa.Column("schedule", Blob, nullable=False),
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
    # The account's `accepted` at the time; NULL: before schema 0004.
    sa.Column("accepted", Micros),
    sqlite_with_rowid=False,
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("conversation_id", Id, primary_key=True),
    sa.Column("due", Micros),
    # Between these lies everything that ever happened in it, so that a count can be traced to its conversations.
    sa.Column("first_time", Micros, nullable=False),
    sa.Column("last_time", Micros, nullable=False),
    sa.Column("state", Blob, nullable=False),
    # The state that the purged events led to; NULL while all events are there.
    sa.Column("base", Blob),
    # How many are in the log; NULL in a row that was not written since schema 0002.
    sa.Column("events", sa.Integer),
    # The version of the rules that it is counted by, which its state says too.
    sa.Column("rules", sa.SmallInteger, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)
# Only the conversations whose limit runs: as many as are live and unanswered at the moment. The migrations say so for
# PostgreSQL too; said here, it would have every process on SQLite import that dialect and its driver.
sa.Index(
    "conversations_due",
    conversations.c.account_id,
    conversations.c.due,
    sqlite_where=conversations.c.due.is_not(None),
)
sa.Index("conversations_time", conversations.c.account_id, conversations.c.last_time, conversations.c.first_time)

# Digests of erased conversations: their events are refused.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("digest", Blob, primary_key=True),
    sqlite_with_rowid=False,
)

names = sa.Table(
    "names",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("family", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("name", Id, primary_key=True),
    sqlite_with_rowid=False,
)

# What people call the things that ids stand for: the only personal data.
display_names = sa.Table(
    "display_names",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    # Of an option, its question's id stands before it.
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
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

# Grows whenever the chunk changes, in any of its series: what was made of it is true as long as it stays.
chunk_versions = sa.Table(
    "chunk_versions",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
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
    # Delta entries; the column keeps the name by which databases have it, since a key beside it would be a second one.
    sa.Column("leaves", Blob, nullable=False),
    sqlite_with_rowid=False,
)

# The facts that no event explains any more: of purged events, and of erased conversations whose counts stay. They are
# in `counters` too; here uncut, in the grouping by everything, so that the counters can be checked and made again.
base_counters = sa.Table(
    "base_counters",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column("measure", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("operator_id", Id, primary_key=True),
    sa.Column("group_id", Id, primary_key=True),
    sa.Column("widget_id", Id, primary_key=True),
    sa.Column("value", Id, primary_key=True),
    sa.Column("cells", Blob, nullable=False),
    sqlite_with_rowid=False,
)
