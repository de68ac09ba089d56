"""Effects around the domain's decisions: plan, launch, watch, record, terminate, report."""
