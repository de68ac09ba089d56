"""Python sources: the handler, what it imports, what it starts."""
