"""What a checked-out repository says about itself; read without running any of it."""
