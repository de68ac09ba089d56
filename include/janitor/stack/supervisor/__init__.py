"""The processes of the local stack, and the supervisor above them."""
