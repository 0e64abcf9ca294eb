"""Alembic's entry: runs over the connection, and so in the transaction, that :mod:`..migrate` gives it."""

from alembic import context

from soundmill.adapters.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
