"""What people are given of a repair, and what they are told of it."""
