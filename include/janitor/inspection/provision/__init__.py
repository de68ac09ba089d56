"""What an image is provided with: its system, its interpreters and their packages, and what its RUN lines surely do."""
