"""Pure decisions: configuration, states, deadlines, identities, outcomes. Nothing here does I/O or reads a clock."""
