"""One operator per task of the pipeline."""
