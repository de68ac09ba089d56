-- name: worker_glances(deployment, pool, ended)
-- The live ones, or the last so many that have ended; of one pool, or of all where none is named.
select w.*, i.instance_id, i.instance_type, i.market, i.expires_at, i.keep_until, b.total_usd as cost_usd
from workers w
left join lateral (select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id
                   order by i.generation desc limit 1) i on true
left join instance_bills b on b.ledger_id = i.ledger_id
where w.deployment = :deployment and ((:pool)::text is null or w.pool = :pool)
  and case when (:ended)::integer is null then w.ended_at is null else w.ended_at is not null end
order by case when w.ended_at is null then w.requested_at end, w.ended_at desc, w.worker_id
limit :ended;

-- name: task_glances(deployment, pool, ended)
-- Those without an end in the order in which they are claimed, or the last so many that have one.
select t.*, v.organization || '/' || v.repository_name as repository, v.run_id
from tasks t left join repository_validations v using (validation_id)
where t.deployment = :deployment and ((:pool)::text is null or t.pool = :pool)
  and case when (:ended)::integer is null then t.ended_at is null else t.ended_at is not null end
order by t.ended_at desc, t.priority desc, t.queued_at, t.task_id
limit :ended;

-- name: last_pool_decisions(deployment, since)
-- Of each pool the last one of a pass; what a person ordered is none.
select distinct on (pool) pool, decided_at, why from pool_decisions
where deployment = :deployment and decided_at >= :since and not inputs ? 'requested_by'
order by pool, decision_id desc;

-- name: pool_costs_since(deployment, since)
select w.pool, coalesce(sum(b.total_usd), 0) as cost_usd
from workers w
join instances i on i.owner_kind = 'worker' and i.owner_id = w.worker_id
join instance_bills b on b.ledger_id = i.ledger_id
where w.deployment = :deployment and b.launched_at >= :since
group by w.pool;

-- name: workers_beginning_with(deployment, beginning)
-- By their own id, or by their machine's.
select w.worker_id, w.pool, w.state, i.instance_id, w.ended_at
from workers w
left join lateral (select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id
                   order by i.generation desc limit 1) i on true
where w.deployment = :deployment
  and (starts_with(w.worker_id::text, :beginning) or starts_with(i.instance_id, :beginning))
order by w.ended_at desc nulls first, w.requested_at, w.worker_id
limit 20;

-- name: tasks_beginning_with(deployment, beginning)
select task_id, pool, state from tasks
where deployment = :deployment and starts_with(task_id::text, :beginning)
order by ended_at desc nulls first, queued_at, task_id
limit 20;

-- name: hurry_task(task_id)!
update tasks set not_before = null where task_id = :task_id and state = 'queued';
