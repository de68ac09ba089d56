"""Starts the agent's process beside the validator, watches it, and reads its answer."""
