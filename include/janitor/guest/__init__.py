"""What the programs on an instance share, the validator and the agent: needs the standard library and the protocol."""
