-- name: phase_totals(deployment, since)^
-- Seconds and dollars by phase of everything that was launched since; dollars of what has a price.
select count(*) as instances, count(*) filter (where c.total_usd is null) as instances_without_price,
       coalesce(sum(s.total_seconds), 0) as total_seconds, coalesce(sum(c.total_usd), 0) as total_usd,
       coalesce(sum(s.boot_seconds), 0) as boot_seconds, coalesce(sum(c.boot_usd), 0) as boot_usd,
       coalesce(sum(s.build_seconds), 0) as build_seconds, coalesce(sum(c.build_usd), 0) as build_usd,
       coalesce(sum(s.test_seconds), 0) as test_seconds, coalesce(sum(c.test_usd), 0) as test_usd,
       coalesce(sum(s.idle_seconds), 0) as idle_seconds, coalesce(sum(c.idle_usd), 0) as idle_usd,
       coalesce(sum(s.after_finish_seconds), 0) as after_finish_seconds,
       coalesce(sum(c.after_finish_usd), 0) as after_finish_usd,
       coalesce(sum(s.kept_seconds), 0) as kept_seconds, coalesce(sum(c.kept_usd), 0) as kept_usd,
       coalesce(sum(s.in_progress_seconds), 0) as in_progress_seconds,
       coalesce(sum(c.in_progress_usd), 0) as in_progress_usd,
       coalesce(sum(s.unexplained_seconds), 0) as unexplained_seconds,
       coalesce(sum(c.unexplained_usd), 0) as unexplained_usd
from instance_seconds s join instance_costs c using (ledger_id)
where s.deployment = :deployment and s.launched_at >= :since;

-- name: unexplained(deployment, since)
select * from waste
where deployment = :deployment and launched_at >= :since and unexplained_seconds > 0
order by unexplained_seconds desc, ledger_id;
