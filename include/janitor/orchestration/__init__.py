"""The Airflow face: operators, the trigger, and the wiring of settings."""
