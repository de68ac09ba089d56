"""Pools as people see them, and what people tell them. A pass of the pool carries out what isn't done at once."""
