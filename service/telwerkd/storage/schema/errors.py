"""What is wrong with a schema. By itself, so that the process that writes does not import Alembic."""


class SchemaError(Exception):
    """The database, or its schema, is not one that this program can use; the text says what to do."""
