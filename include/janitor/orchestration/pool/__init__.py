"""The pool in Airflow: its pass, and the wait of a validation for a worker."""
