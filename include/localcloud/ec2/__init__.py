"""EC2: instances that are machines, and the requests about them."""
