"""The engine that stands in for the image with a virtual environment."""
