"""The pool: what is done with its workers, one pass after another."""
