-- name: enqueue_task(task_id, deployment, pool, kind, validation_id, spec, trust_domain, requires, priority, max_attempts, time_limit, not_before)$
-- Nothing where its validation has an open task.
insert into tasks (task_id, deployment, pool, kind, validation_id, spec, trust_domain, requires, priority, max_attempts,
                   time_limit, not_before)
values (:task_id, :deployment, :pool, :kind::task_kind, :validation_id, :spec, :trust_domain, :requires, :priority,
        :max_attempts, :time_limit, :not_before)
on conflict do nothing returning task_id;

-- name: task(task_id)^
-- With its last claim, as what has ended has no holder any more.
select t.*, c.worker_id as last_worker_id, c.fence as last_fence, c.ordinal as last_ordinal,
       c.claimed_at as last_claimed_at, c.started_at as last_started_at
from tasks t
left join lateral (select * from task_claims c where c.task_id = t.task_id order by c.fence desc limit 1) c on true
where t.task_id = :task_id;

-- name: task_of_validation(validation_id)^
-- The open one, or the last.
select t.*, c.worker_id as last_worker_id, c.fence as last_fence, c.ordinal as last_ordinal,
       c.claimed_at as last_claimed_at, c.started_at as last_started_at
from tasks t
left join lateral (select * from task_claims c where c.task_id = t.task_id order by c.fence desc limit 1) c on true
where t.validation_id = :validation_id order by t.ended_at desc nulls first, t.queued_at desc limit 1;

-- name: open_tasks(deployment, pool)
-- Of one pool, or of all where none is named; in the order in which they are claimed.
select t.*, c.worker_id as last_worker_id, c.fence as last_fence, c.ordinal as last_ordinal,
       c.claimed_at as last_claimed_at, c.started_at as last_started_at
from tasks t
left join lateral (select * from task_claims c where c.task_id = t.task_id order by c.fence desc limit 1) c on true
where t.deployment = :deployment and ((:pool)::text is null or t.pool = :pool) and t.ended_at is null
order by t.priority desc, t.queued_at, t.task_id;

-- name: ended_tasks(deployment, pool, count)
select t.*, c.worker_id as last_worker_id, c.fence as last_fence, c.ordinal as last_ordinal,
       c.claimed_at as last_claimed_at, c.started_at as last_started_at
from tasks t
left join lateral (select * from task_claims c where c.task_id = t.task_id order by c.fence desc limit 1) c on true
where t.deployment = :deployment and ((:pool)::text is null or t.pool = :pool) and t.ended_at is not null
order by t.ended_at desc limit :count;

-- name: waiting_tasks(deployment, pool)
select trust_domain, count(*) as number, min(queued_at) as oldest_at,
       min(least(time_limit, coalesce(deadline_at - clock_timestamp(), time_limit))) as shortest
from tasks
where deployment = :deployment and pool = :pool and state = 'queued'
  and (not_before is null or not_before <= clock_timestamp())
group by trust_domain order by min(queued_at), trust_domain;

-- name: claim_task(worker_id, lease)^
select * from claim_task(:worker_id, :lease);

-- name: renew_task(task_id, worker_id, fence, lease)$
select renew_task(:task_id, :worker_id, :fence, :lease);

-- name: progress_task(task_id, worker_id, fence)$
select progress_task(:task_id, :worker_id, :fence);

-- name: finish_task(task_id, worker_id, fence, state, result, reason_code)$
select finish_task(:task_id, :worker_id, :fence, :state::task_state, :result, :reason_code);

-- name: give_back_task(task_id, worker_id, fence, is_blamed)^
-- Without blame its attempt counts for nothing; one that was blamed too often is poison, and waits a little else.
update tasks
set state = case when :is_blamed and attempts >= max_attempts then 'failed'::task_state else 'queued' end,
    reason_code = case when :is_blamed and attempts >= max_attempts then 'poison' end,
    attempts = attempts - case when :is_blamed then 0 else 1 end,
    not_before = case when :is_blamed then clock_timestamp() + attempts * interval '10 seconds' end
where task_id = :task_id and worker_id = :worker_id and fence = :fence and lease_until > clock_timestamp()
returning state;

-- name: tasks_with_lease_over(deployment)
-- Whoever finishes, renews or gives back has the row: his word comes first.
select task_id, worker_id, fence from tasks
where deployment = :deployment and lease_until <= clock_timestamp()
order by task_id
for no key update skip locked;

-- name: expire_lease(task_id)^
update tasks
set state = case when attempts >= max_attempts then 'failed'::task_state else 'queued' end,
    reason_code = case when attempts >= max_attempts then 'poison' end,
    not_before = clock_timestamp() + attempts * interval '10 seconds'
where task_id = :task_id
returning state, attempts;

-- name: expire_waiting_tasks(deployment)
-- Their time was over before anybody had them again.
update tasks t set state = 'expired', reason_code = 'deadline'
where t.task_id in (select task_id from tasks
                    where deployment = :deployment and state = 'queued' and deadline_at <= clock_timestamp()
                    for no key update skip locked)
returning t.task_id, t.validation_id;

-- name: lock_open_tasks_of_validation(validation_id)
select task_id, worker_id, fence from tasks where ended_at is null and validation_id = :validation_id
for no key update;

-- name: lock_open_task(task_id)
select task_id, worker_id, fence from tasks where ended_at is null and task_id = :task_id for no key update;

-- name: end_open_tasks(task_ids, state, reason_code)!
update tasks set state = :state::task_state, reason_code = :reason_code
where task_id = any(:task_ids) and ended_at is null;

-- name: count_task_ends(worker_ids)!
update workers set last_task_ended_at = clock_timestamp(), tasks_done = tasks_done + 1
where worker_id = any(:worker_ids);
