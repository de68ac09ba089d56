"""Where and how often an instance is tried, and what a refusal means."""
