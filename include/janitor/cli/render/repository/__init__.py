"""What the static checks of one repository look like, in each format."""
