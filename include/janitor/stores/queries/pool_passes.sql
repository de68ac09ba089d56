-- name: pools_in_use(deployment)
-- Those with a worker or a task that has no end, whatever a configuration says by now.
select pool, provider from workers where deployment = :deployment and ended_at is null
union
select pool, null from tasks where deployment = :deployment and ended_at is null;

-- name: settled_tasks(deployment)
-- Open tasks whose validation got its end, or whose run did: an experiment's as any other.
select t.task_id, t.validation_id, t.worker_id, t.fence
from tasks t
join repository_validations v using (validation_id)
join validation_runs r using (run_id)
where t.deployment = :deployment and t.ended_at is null and (v.finished_at is not null or r.status <> 'running')
order by t.queued_at;

-- name: open_tasks_of_run(run_id)
select t.validation_id from tasks t join repository_validations v using (validation_id)
where v.run_id = :run_id and t.ended_at is null
order by t.queued_at;

-- name: assigned_validations(validation_ids)
-- Of those that wait for a worker the ones that need not wait any more: their task is held, or there is none open.
select wanted.validation_id from unnest((:validation_ids)::uuid[]) as wanted (validation_id)
where not exists (select from tasks t where t.validation_id = wanted.validation_id and t.state = 'queued');

-- name: count_queued_tasks(deployment)$
select count(*) from tasks where deployment = :deployment and state = 'queued';

-- name: pool_runs_under_way(deployment, pool)$
-- Runs, experiments included, of which a validation without an end is to be carried out by the pool.
select count(distinct r.run_id) from validation_runs r join repository_validations v using (run_id)
where r.deployment = :deployment and r.status = 'running' and v.finished_at is null and v.plan ->> 'pool' = :pool;

-- name: pool_day_used(deployment, pool)$
-- What is set aside of today for a pool's machines, and what they really cost where that is known.
select coalesce(sum(coalesce(b.spent_usd, b.reserved_usd)), 0)
from budget_reservations b join workers w on b.owner_kind = 'worker' and b.owner_id = w.worker_id
where b.deployment = :deployment and w.pool = :pool and b.day = (clock_timestamp() at time zone 'UTC')::date;

-- name: pool_medians(deployment, pool)^
-- Of the last workers and claims: how long a boot and a task took; null where nothing is known.
select (select percentile_cont(0.5) within group (order by b.took)
        from (select w.ready_at - w.requested_at as took from workers w
              where w.deployment = :deployment and w.pool = :pool and w.ready_at is not null
              order by w.requested_at desc limit 20) b) as boot,
       (select percentile_cont(0.5) within group (order by k.took)
        from (select c.ended_at - c.claimed_at as took from task_claims c join tasks t using (task_id)
              where t.deployment = :deployment and t.pool = :pool and c.ended_as = 'done' and t.kind = 'validation'
              order by c.fence desc limit 50) k) as task;

-- name: tasks_given_to_worker(worker_id)^
-- Of every kind and whatever became of them: each may have left something on the worker's machine.
select count(*) as given, (array_agg(t.validation_id order by c.fence desc))[1] as last_validation_id
from task_claims c join tasks t using (task_id) where c.worker_id = :worker_id;

-- name: log_streams_of_validations(validation_ids)
select validation_id, log_stream from repository_validations
where validation_id = any(:validation_ids) and log_stream is not null;

-- name: hold_task(task_id, worker_id, fence, lease)!
-- Also where its lease is over, as long as nobody has taken it back.
update tasks set lease_until = clock_timestamp() + :lease
where task_id = :task_id and worker_id = :worker_id and fence = :fence;

-- name: has_report(validation_id)$
select exists (select from validation_reports where validation_id = :validation_id);

-- name: turns_begun(validation_id)$
select coalesce(max(number), 0) from turns where validation_id = :validation_id;

