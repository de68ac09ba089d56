"""Judges any folder of labelled repositories: each has the verdict that it must get in its EXPECTED.txt."""
