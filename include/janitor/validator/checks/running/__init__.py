"""Checks that build the worker, and those around its run."""
