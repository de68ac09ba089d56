"""What every request passes: who asks, which action it is, what is answered."""
