"""What maintenance decides: values alone."""
