"""Alembic migrations of the job store, applied by ``workbench.store.database.Database.migrate``."""
