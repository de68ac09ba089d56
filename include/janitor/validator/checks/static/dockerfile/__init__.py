"""What the Dockerfile and its base images say."""
