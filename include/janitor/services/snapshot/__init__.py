"""Reading a deployment's snapshot."""
