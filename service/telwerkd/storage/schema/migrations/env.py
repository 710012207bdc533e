"""Alembic's entry: runs on the connection that `telwerkd.storage.schema.versions` hands over."""

from alembic import context

from telwerkd.storage.schema.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
