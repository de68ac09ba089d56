"""Checks that build and run the worker."""
