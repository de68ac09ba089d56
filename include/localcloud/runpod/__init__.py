"""RunPod on this machine: its REST v2 as far as it is used, and pods that are boxes."""
