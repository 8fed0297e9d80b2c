"""What runs inside a site's containers: it knows files, one request and one result, and nothing of Airflow or
SSH.
"""
