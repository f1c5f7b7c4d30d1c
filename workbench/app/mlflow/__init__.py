"""MLflow behind the app: one address, one login, the roles of the workbench (docs/design/mlflow-proxy.md)."""
