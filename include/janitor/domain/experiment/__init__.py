"""Validations that answer a question of our own: is a repair one, and which change broke it."""
