"""The table of rules by which an answer is judged; each with an example of what it catches and of what it lets pass."""
