"""Repairs: what is to be repaired, what is proposed, whether it may be tried, and whether it is proved."""
