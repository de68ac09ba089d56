"""Commands about repairs and the working trees that they are made in."""
