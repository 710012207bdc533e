"""The error of an unusable schema. In a module of its own, so that the writer process does not import Alembic."""


class SchemaError(Exception):
    """The database, or its schema, is not one that this program can use; the text says what to do."""
