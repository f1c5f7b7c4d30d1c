"""MLflow behind the app, with a real MLflow on its socket and the app on a real port.

A package of this name beside test files would shadow nothing: tests are imported as ``tests.app.mlflow``.
"""
