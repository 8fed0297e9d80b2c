"""Azure Machine Learning by azureml-core, in the interpreter of requirements-azureml.txt: registry, runs,
logs, checks and compute target."""
