-- A task that began on a worker and was given back is for another one. And a worker's tasks belong to the machine that it
-- had, whichever attempt at one that was.

set local search_path = janitor;

-- As before; what began on this worker before isn't for it.
create or replace function claim_task(claimer uuid, lease interval) returns setof tasks language sql volatile
  set search_path = janitor
begin atomic
  with claimer_row as materialized (
    select w.worker_id, w.deployment, w.pool, w.offers, w.trust_domain, w.is_single_use
    from workers w
    where w.worker_id = claimer and w.state = 'ready' and w.end_wanted is null
      and (w.provider = 'local' or exists (
        select from instances i
        where i.owner_kind = 'worker' and i.owner_id = w.worker_id and i.state in ('pending', 'running')
          and i.given_up_at is null and i.termination_reason is null))
    for no key update of w
  ), candidate as materialized (
    select t.task_id
    from tasks t join claimer_row w on t.deployment = w.deployment and t.pool = w.pool
    where t.state = 'queued' and t.attempts < t.max_attempts
      and (t.not_before is null or t.not_before <= clock_timestamp())
      and (t.deadline_at is null or t.deadline_at > clock_timestamp())
      and case when t.kind = 'probe' then true
               when t.trust_domain is null then w.trust_domain is null and not w.is_single_use
               else not w.is_single_use and coalesce(w.trust_domain = t.trust_domain, true) end
      and offers_meet(w.offers, t.requires)
      and not exists (select from task_claims c
                      where c.task_id = t.task_id and c.worker_id = w.worker_id and c.started_at is not null)
    order by t.priority desc, t.queued_at, t.task_id
    limit 1
    for no key update of t skip locked
  ), claimed as (
    update tasks t
    set state = 'claimed', worker_id = claimer, fence = nextval('task_fences'), attempts = t.attempts + 1,
        claimed_at = clock_timestamp(), lease_until = clock_timestamp() + lease,
        deadline_at = coalesce(t.deadline_at, clock_timestamp() + t.time_limit)
    from candidate c
    where t.task_id = c.task_id
    returning t.*
  ), taken as (
    update workers w
    set state = 'busy', last_fence = c.fence, surplus_since = null,
        trust_domain = case when c.kind = 'probe' then w.trust_domain else c.trust_domain end,
        is_single_use = w.is_single_use or (c.kind <> 'probe' and c.trust_domain is null)
    from claimed c
    where w.worker_id = claimer
    returning w.worker_id
  )
  select c.* from claimed c join taken using (worker_id);
end;

-- As before, by the last machine that there was.
create or replace view pool_cost as
select w.deployment, w.pool, (b.launched_at at time zone 'UTC')::date as day, w.provider,
       count(*) as machines, sum(b.billed_seconds) as billed_seconds, round(sum(b.total_usd), 4) as cost_usd,
       count(*) filter (where b.total_usd is null) as machines_without_price,
       (sum(tasks.busy_seconds))::numeric(14, 3) as busy_seconds, sum(tasks.number) as tasks,
       count(*) filter (where turn.busy = 0) as unused_machines,
       round(coalesce(sum(b.total_usd) filter (where turn.busy = 0), 0), 4) as unused_usd
from workers w
join instances i on i.owner_kind = 'worker' and i.owner_id = w.worker_id
join instance_bills b on b.ledger_id = i.ledger_id
cross join lateral (
  select count(*) filter (where c.ended_as is distinct from 'queued') as number,
         coalesce(sum(extract(epoch from coalesce(c.ended_at, clock_timestamp()) - c.claimed_at)), 0) as busy_seconds
  from task_claims c
  where c.worker_id = w.worker_id
    and i.generation = (select max(o.generation) from instances o
                        where o.owner_kind = 'worker' and o.owner_id = w.worker_id and o.instance_id is not null)
) tasks
cross join lateral (
  select coalesce(sum(busy_microseconds(t.began_at, t.ended_at, b.launched_at, b.stopped_at)), 0) as busy
  from turns t where t.ledger_id = b.ledger_id
) turn
where b.launched_at is not null
group by 1, 2, 3, 4;
