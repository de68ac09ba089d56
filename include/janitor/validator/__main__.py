"""`python -m janitor.validator`: the same program as the artefact."""

from janitor.validator.cli import run_and_exit

run_and_exit()
