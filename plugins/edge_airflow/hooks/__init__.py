"""Airflow connections in, the domain's values and adapters out.

The adapters' client libraries are imported when a task connects: parsing a DAG file must not pay for them.
"""
