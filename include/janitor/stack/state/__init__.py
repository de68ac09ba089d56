"""What a local stack keeps in its folder."""
