"""Settings by subject; each says its variables, bounds and defaults."""
