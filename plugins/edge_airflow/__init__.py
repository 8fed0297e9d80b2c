"""Airflow's side: operators that connect, call one stage, and defer or return."""
