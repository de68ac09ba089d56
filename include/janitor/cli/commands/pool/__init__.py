"""Commands about the pools of warm workers."""
