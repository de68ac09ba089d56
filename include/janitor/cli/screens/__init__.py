"""Whole screens of a terminal. Textual is imported here alone, and here when one is shown."""
