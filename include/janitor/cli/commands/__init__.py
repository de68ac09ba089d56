"""One module for each group of commands; a module is imported only when one of its commands is used."""
