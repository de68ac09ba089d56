"""What maintenance keeps: experiments, and what becomes of repairs. Inside a caller's transaction."""
