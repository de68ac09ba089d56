"""Airflow of the local stack: its configuration, its database, its history."""
