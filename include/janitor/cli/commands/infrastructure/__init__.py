"""What a deployment has in the cloud: plan, apply, destroy, tell the settings, price."""
