"""Airflow's own interface."""
