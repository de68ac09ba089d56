"""One module per check: it asserts one thing about the repository, with evidence."""
