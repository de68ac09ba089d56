"""What an instance is told to validate: the repository, its build, and when that is a success."""
