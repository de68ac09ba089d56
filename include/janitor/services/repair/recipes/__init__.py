"""Recipes: deterministic repairs, one cause to a module. Each reads, and says what it would change."""
