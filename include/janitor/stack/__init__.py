"""The local stack: PostgreSQL, the local cloud and Airflow on this machine, kept running in the background.

`janitor.stack.stack` is the way in: `up`, `down`, `status`, `is_up`, `require_up`. Everything that the stack writes is
under one state folder (`Settings.state_dir`); every process of it carries that folder's mark in its environment, so
that `down` finds all of them. The stack starts Airflow and the local cloud as commands and imports neither.
"""
