"""Airflow connections in, the domain's values and adapters out."""
