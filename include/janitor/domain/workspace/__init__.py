"""Workspaces of maintenance: who holds one, for how long, and when a holder may be called dead."""
