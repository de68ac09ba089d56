"""Commands about instances: what is there, what it costs, what ends it."""
