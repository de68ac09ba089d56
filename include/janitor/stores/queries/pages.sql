-- name: health_of_repository(deployment, organization, repository_name)^
select * from repository_health
where deployment = :deployment and organization = :organization and repository_name = :repository_name;

-- name: timelines_of_run(run_id, most)
-- Of each instance that a run asked for: when what was done with it, how its place was found, and who ended it.
select i.ledger_id, i.instance_id, i.instance_type, i.market, i.availability_zone, i.state, i.termination_reason,
       i.termination_detail, i.intent_at, i.launched_at, i.command_started_at, i.command_ended_at, i.ended_at,
       v.repository_name, w.ended_by, w.total_usd, p.round, p.position, p.result, p.aws_code,
       (select min(c.observed_at) from instance_state_changes c
        where c.ledger_id = i.ledger_id and c.to_state = 'shutting-down') as end_asked_at
from instances i
left join repository_validations v on v.validation_id = i.validation_id
left join waste w using (ledger_id)
left join placement_attempts p using (ledger_id)
where i.run_id = :run_id order by i.intent_at, i.ledger_id limit :most;

-- name: cost_by_day(deployment, since)
-- In UTC, by phase; what has a price.
select (launched_at at time zone 'UTC')::date as day, count(*)::integer as instances,
       coalesce(sum(boot_usd), 0) as boot_usd, coalesce(sum(build_usd), 0) as build_usd,
       coalesce(sum(test_usd), 0) as test_usd, coalesce(sum(total_usd), 0) as total_usd
from instance_costs where deployment = :deployment and launched_at >= :since group by 1 order by 1 desc;

-- name: cost_by_repository(deployment, since, most)
-- With shares in pools' machines; what no validation pays for stands by pool, or is a run's own.
select coalesce(v.organization || '/' || v.repository_name, '') as repository,
       case when b.validation_id is null then coalesce(w.pool, '') else '' end as pool,
       count(distinct b.ledger_id)::integer as instances, sum(b.total_usd) as total_usd,
       sum(b.total_usd) filter (where v.status <> 'success') as failing_usd
from bills b join instances i using (ledger_id) left join repository_validations v on v.validation_id = b.validation_id
left join workers w on i.owner_kind = 'worker' and w.worker_id = i.owner_id
where b.deployment = :deployment and b.launched_at >= :since
group by 1, 2 order by 4 desc nulls last, 1, 2 limit :most;

-- name: cost_by_cause(deployment, since, most)
select v.signature, f.title, count(distinct v.organization || '/' || v.repository_name)::integer as repositories,
       count(distinct v.run_id)::integer as runs, sum(b.total_usd) as total_usd
from bills b join repository_validations v on v.validation_id = b.validation_id
join validation_runs r on r.run_id = v.run_id and r.purpose = 'fleet'
join failure_signatures f on f.signature = v.signature
where b.deployment = :deployment and b.launched_at >= :since and v.status not in ('success', 'cancelled')
group by 1, 2 order by 5 desc nulls last, 1 limit :most;
