"""The final image as its Dockerfile surely leaves it: which files it holds, and what its start needs of them."""
