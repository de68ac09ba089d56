"""From an instance to how its command ended: what is sent to it, what is seen of it, what that means."""
