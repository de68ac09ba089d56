"""What words of a tool, a library or a program show of a failure: tables of rules, each with an example."""
