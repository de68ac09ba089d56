"""CloudWatch Logs on disk."""
