"""Systems Manager: commands, and their output."""
