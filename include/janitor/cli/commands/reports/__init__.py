"""Commands that answer from what is recorded."""
