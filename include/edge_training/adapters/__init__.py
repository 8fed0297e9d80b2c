"""The real parts behind the ports: Docker over SSH, MLflow, an OCI registry."""
