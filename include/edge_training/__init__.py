"""The domain: what each stage of edge training does, in plain Python that knows nothing of Airflow."""
