"""When an instance is ended, believed gone, or why it ended."""
