"""Adapters that run in another interpreter, for libraries that cannot share Airflow's environment."""
