"""What a repository's secrets are: names in the spec, read from AWS by this instance's role, and never written down."""
