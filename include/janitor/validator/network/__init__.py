"""Asks registries and model hosts whether what a repository needs is there."""
