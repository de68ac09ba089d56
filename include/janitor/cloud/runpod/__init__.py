"""RunPod's pods as instances, by its REST v2. Whatever a key may do is done by `client` alone."""
