"""Reading a repository: from its texts to facts. Nothing here runs, connects or waits."""
