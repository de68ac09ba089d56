# ENV=local: the same files, applied to the local cloud. The command gives deployment, region and log group: each
# checkout's stack has a name of its own.
is_local              = true
image_id              = "ami-0c10ca1ca10ca1ca1"
reap_interval_seconds = 60
volume_gib            = 100
cache_volume_gib      = 50
monthly_budget_usd    = 50
force_destroy         = true
