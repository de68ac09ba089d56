"""The workers configuration: what it may say, and what is wrong with one that says something else."""
