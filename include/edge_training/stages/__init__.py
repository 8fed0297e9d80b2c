"""One module per task of the pipeline: values and ports in, values out."""
