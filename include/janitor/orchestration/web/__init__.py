"""What the API server serves of Janitor: its pages and the page of a log."""
