"""Judging what a handler answered and logged."""
