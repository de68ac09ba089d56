"""Writing how validations and runs ended."""
