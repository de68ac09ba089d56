"""What the pages are told of the past."""
