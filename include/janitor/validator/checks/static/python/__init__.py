"""What the worker's code and its requirements say."""
