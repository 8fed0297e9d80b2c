"""Azure Machine Learning by MLflow's protocol: what MLflow's adapters need to know of a workspace."""
