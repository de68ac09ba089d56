"""What the reports of a run or a repository look like, in each format."""
