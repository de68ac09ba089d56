# ENV=dev: everything that costs while nothing runs is off or small. `make idle-cost ENV=dev` says what the rest costs.
deployment            = "dev"
region                = "us-east-1"
log_group             = "/janitor-runner"
reap_interval_seconds = 300
volume_gib            = 100
cache_volume_gib      = 50
max_instances         = 4
monthly_budget_usd    = 50
report_days           = 90
force_destroy         = true
