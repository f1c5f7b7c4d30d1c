"""Persistent storage: artifacts (object store), jobs (SQL) and runs (MLflow).

Nothing is imported here, so that a worker that uses ``objects`` and ``local_cache`` loads neither SQL nor MLflow.
"""
