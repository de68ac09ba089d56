"""Judges what a worker's handler did, by what it said and returned rather than by its exit code."""
