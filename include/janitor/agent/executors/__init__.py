"""Where the agent's commands run: the security boundary is here, not in a prompt or a list of forbidden commands."""
