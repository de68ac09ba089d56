"""Experiments: real validators, a real local cloud and a real PostgreSQL."""
