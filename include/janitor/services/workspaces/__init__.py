"""Leased working trees of repositories, and the folder of each run: nothing of maintenance is written elsewhere."""
