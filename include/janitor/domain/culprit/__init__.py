"""Which change of the world turned green into red: what differs, what is tried next, and what was found."""
