"""MLflow behind the app, with a real MLflow on its socket and the app on a real port.

This package does not shadow the real ``mlflow``: tests are imported as ``tests.app.mlflow``.
"""
