"""What an image has of its own: system, packages, interpreters and files, and how they stand at a line of the file."""
