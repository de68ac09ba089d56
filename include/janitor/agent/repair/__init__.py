"""The agent's other work: it proposes a repair. Its tools change a copy in the sandbox; what it leaves is files."""
