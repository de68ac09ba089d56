"""What a patch may not do, one subject to a module."""
