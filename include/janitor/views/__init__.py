"""The stable form of what people are shown, for scripts and pages: ISO 8601 instants, seconds, money as text."""
