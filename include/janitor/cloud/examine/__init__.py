"""Questions to an account before anything is launched in it: what is there, and what is it like. Nothing is changed."""
