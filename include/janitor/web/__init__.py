"""Janitor's pages in Airflow's web UI: a small API that only reads, and the scripts that show what it answers."""
