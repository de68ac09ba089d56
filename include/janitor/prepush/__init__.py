"""What is asked of a checkout before it is pushed: the static checks, and their answer in every form.

Standard library only, so that a worker's author has it as one file, as a pre-commit hook or as a GitHub action, without
the rest of the product. `archive` makes the file, `command` is its command line; `janitor validate` is the same with
the rest of the product around it.
"""
