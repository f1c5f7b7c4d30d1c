"""The MLflow proxy: one address, one login and the roles of the workbench (docs/design/mlflow-proxy.md)."""
