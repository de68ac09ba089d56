"""Airflow's EC2 and SSM operators, with Janitor's limits and ledger."""
