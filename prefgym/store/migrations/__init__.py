"""Versions of the store's tables, run by alembic."""
