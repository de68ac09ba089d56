"""The search for a culprit, without engines."""
