"""A stand-in for an Azure Machine Learning workspace: what documentation and clients say, and no more.

Rooms: `entra` (login), `arm` (workspace, compute targets), `history` and `metrics` (experiments, runs),
`artifacts` and `blobs` (files), `models` (model management), `mlflow` (a real MLflow server behind the
workspace's path). `faults` makes any of their requests go wrong, `persistence` keeps everything across
restarts, `server` runs them all. Each room names its sources; docs/unproven.md says what none of this
proves.
"""
