-- name: costs_of_validations(validation_ids)
-- Unrounded, with its shares in pools' machines; null where a price isn't known. As long as an instance isn't gone, it
-- goes on.
select b.validation_id, case when bool_and(b.total_usd is not null) then sum(b.total_usd) end as usd,
       bool_or(b.ended_at is null) as goes_on
from bills b where b.validation_id = any(:validation_ids) and b.launched_at is not null
group by b.validation_id;

-- name: usual_seconds(deployment, organizations, names, count)
-- What the instances of a repository's last verdicts were billed for, the median; null where there is none. Of a pool's
-- machine it is the time in which it was busy with it.
select wanted.position::integer, percentile_cont(0.5) within group (order by took.seconds) as seconds,
       count(took.seconds)::integer as times
from unnest((:organizations)::text[], (:names)::text[]) with ordinality as wanted (organization, name, position)
left join lateral (
  select (select sum(b.billed_seconds) from bills b
          where b.validation_id = v.validation_id and b.launched_at is not null) as seconds
  from repository_validations v join validation_runs r using (run_id)
  where r.deployment = :deployment and r.purpose = 'fleet' and v.organization = wanted.organization and v.repository_name = wanted.name
    and v.finished_at is not null and v.launched_at is not null and v.status not in ('cancelled', 'error')
  order by v.finished_at desc limit :count
) took on true
group by wanted.position order by wanted.position;

-- name: costs_of_runs(run_ids)
-- With what a run's own instances cost, beside its validations', and with their shares in pools' machines.
select b.run_id, case when bool_and(b.total_usd is not null) then sum(b.total_usd) end as usd,
       bool_or(b.ended_at is null) as goes_on
from bills b where b.run_id = any(:run_ids) and b.launched_at is not null
group by b.run_id;

-- name: cost_parts_of_runs(run_ids)
-- What each validation cost, as above; null where it launched nothing.
select v.run_id, cost.usd
from repository_validations v
cross join lateral (
  select case when bool_and(b.total_usd is not null) then sum(b.total_usd) end as usd
  from bills b where b.validation_id = v.validation_id and b.launched_at is not null
) cost
where v.run_id = any(:run_ids);

-- name: lock_unkept_costs(deployment, count)
-- Instances that have ended and whose costs aren't kept. What they cost is read in the next statement: it sees all that
-- was committed before they were locked, and nothing that they cost from is written while they are.
select ledger_id from instances
where deployment = :deployment and not costs_kept and ended_at is not null
order by launched_at limit :count
for update skip locked;

-- name: keep_costs(ledger_ids)!
with kept as (
  insert into instance_cost_facts
  select s.ledger_id, s.deployment, s.run_id, s.validation_id, s.instance_id, s.launched_at, s.stopped_at, b.ended_at,
         s.has_report, b.billed_seconds, s.total_seconds, s.boot_seconds,
         s.build_seconds, s.test_seconds, s.idle_seconds, s.after_finish_seconds, s.kept_seconds,
         s.in_progress_seconds, s.unexplained_seconds, s.overdue_seconds, c.boot_usd, c.build_usd, c.test_usd,
         c.idle_usd, c.after_finish_usd, c.kept_usd, c.in_progress_usd, c.unexplained_usd, c.total_usd
  from reckoned_seconds s join reckoned_bills b using (ledger_id) join reckoned_costs c using (ledger_id)
  where s.ledger_id = any(:ledger_ids)
  returning ledger_id
)
update instances i set costs_kept = true from kept where i.ledger_id = kept.ledger_id;
