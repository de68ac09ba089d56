"""The pool's workers and tasks, and its decisions, inside a caller's transaction."""
