"""Carrying out experiments: on this machine, or on instances through Airflow."""
