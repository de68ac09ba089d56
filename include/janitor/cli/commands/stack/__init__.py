"""Commands of the local stack, and of Airflow beneath."""
