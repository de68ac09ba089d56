"""Lambda: functions that run, each invocation in a box of its own."""
