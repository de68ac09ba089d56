"""From a config to a plan, and from a plan to an instance that runs."""
