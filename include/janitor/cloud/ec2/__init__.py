"""EC2: instances, the launch templates they come from, and the volume that outlives them."""
