"""MLflow: registry, runs, logs and checks, and the dialect of a server that is not MLflow's own."""
