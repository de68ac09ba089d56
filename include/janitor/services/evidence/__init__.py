"""Reading what is known of the causes of a run."""
