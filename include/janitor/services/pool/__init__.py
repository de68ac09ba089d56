"""The pool at work: machines are spawned, given tasks, seen to and ended, by passes that may be cut off anywhere."""
