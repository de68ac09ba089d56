"""Ending what nobody works on, and what people want ended or kept."""
