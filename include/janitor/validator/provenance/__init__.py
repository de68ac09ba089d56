"""Finding out what a validation was made of, for its report.

Invariant: nothing here decides a verdict, asks a network, or takes longer than seconds; what can't be found out is a
note. Whatever a repository or its packages say of themselves is cleaned before it is told.
"""
