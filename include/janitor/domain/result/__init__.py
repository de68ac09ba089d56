"""From what was seen to a verdict, and from a verdict to what changed."""
