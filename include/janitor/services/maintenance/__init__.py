"""Maintenance: shards are discovered, worked on under a lease, and made final whatever becomes of their workers."""
