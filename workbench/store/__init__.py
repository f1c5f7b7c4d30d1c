"""Where things stay: artifacts (objects), jobs (SQL) and the record of a run (MLflow).

Nothing is imported here: a worker takes ``objects`` and ``local_cache`` and pays for neither SQL nor MLflow.
"""
