"""`python -m janitor.agent`."""

from janitor.agent.cli import run_and_exit

run_and_exit()
