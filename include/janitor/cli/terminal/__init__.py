"""What the commands and a terminal have to do with one another."""
