"""What runs, validations and repositories' histories look like."""
