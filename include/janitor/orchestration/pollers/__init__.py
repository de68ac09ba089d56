"""Pollers of a triggerer: one for all who wait for the same kind of thing."""
