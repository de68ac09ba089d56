"""From a log or an output to its cause and whose fault it is. Nothing here runs, connects or waits."""
