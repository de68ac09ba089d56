-- name: request_worker(worker_id, deployment, pool, provider, offers)!
insert into workers (worker_id, deployment, pool, provider, offers)
values (:worker_id, :deployment, :pool, :provider::pool_provider, :offers);

-- name: pool_worker(worker_id)^
select w.*, t.task_id, t.fence, t.claimed_at, t.lease_until, t.deadline_at, t.last_progress_at, t.validation_id,
       i.ledger_id, i.instance_id, i.state as instance_state, i.keep_until > clock_timestamp() as is_kept
from workers w
left join tasks t on t.worker_id = w.worker_id
left join lateral (select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id
                   order by i.generation desc limit 1) i on true
where w.worker_id = :worker_id;

-- name: live_workers(deployment, pool)
-- Of one pool, or of all where none is named.
select w.*, t.task_id, t.fence, t.claimed_at, t.lease_until, t.deadline_at, t.last_progress_at, t.validation_id,
       i.ledger_id, i.instance_id, i.state as instance_state, i.keep_until > clock_timestamp() as is_kept
from workers w
left join tasks t on t.worker_id = w.worker_id
left join lateral (select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id
                   order by i.generation desc limit 1) i on true
where w.deployment = :deployment and ((:pool)::text is null or w.pool = :pool) and w.ended_at is null
order by w.requested_at, w.worker_id;

-- name: lock_worker_as_seen(worker_id, state, last_fence)^
-- Whoever claims for it, or moves it, has its row: what was seen of it isn't so any more then.
select true as is_so from workers
where worker_id = :worker_id and state = :state::worker_state and last_fence is not distinct from :last_fence
for no key update;

-- name: move_worker(worker_id, to_state, end_reason)!
-- Only where the rules allow it from the state that it is in, whatever that was when it was read.
update workers w set state = :to_state::worker_state, end_reason = coalesce(w.end_reason, :end_reason::worker_end)
where w.worker_id = :worker_id
  and exists (select from allowed_transitions a
              where a.machine = 'worker' and a.from_state = w.state::text and a.to_state = :to_state);

-- name: drain_worker(worker_id, end_wanted, reason, within)!
update workers
set state = 'draining', end_wanted = coalesce(end_wanted, :end_wanted::worker_end), drain_reason = :reason,
    drain_deadline_at = clock_timestamp() + :within
where worker_id = :worker_id and state in ('ready', 'busy');

-- name: drain_idle_worker(worker_id, end_wanted, reason, within)!
-- Whoever claims for it has its row: then it is busy, and stays.
update workers
set state = 'draining', end_wanted = coalesce(end_wanted, :end_wanted::worker_end), drain_reason = :reason,
    drain_deadline_at = clock_timestamp() + :within
where worker_id = :worker_id and state = 'ready';

-- name: held_by_worker(worker_id)^
select task_id, worker_id, fence from tasks where worker_id = :worker_id;

-- name: want_worker_end(worker_id, end_wanted)!
update workers set end_wanted = coalesce(end_wanted, :end_wanted::worker_end)
where worker_id = :worker_id and ended_at is null;

-- name: keep_worker_alive(worker_id, alive_at)!
update workers
set last_alive_at = greatest(last_alive_at, coalesce((:alive_at)::timestamptz, clock_timestamp())), suspect_since = null
where worker_id = :worker_id and over_since is null
  and (last_alive_at is null or coalesce((:alive_at)::timestamptz, clock_timestamp()) > last_alive_at);

-- name: is_worker_over(worker_id)$
select over_since is not null from workers where worker_id = :worker_id;

-- name: mark_worker_suspect(worker_id)!
update workers set suspect_since = coalesce(suspect_since, clock_timestamp())
where worker_id = :worker_id and over_since is null;

-- name: clear_worker_marks(worker_id)!
update workers set suspect_since = null, surplus_since = null where worker_id = :worker_id;

-- name: mark_worker_surplus(worker_id)!
update workers set surplus_since = coalesce(surplus_since, clock_timestamp())
where worker_id = :worker_id and state = 'ready';

-- name: ended_workers(deployment, pool, count)
select w.*, null::uuid as task_id, null::bigint as fence, null::timestamptz as claimed_at,
       null::timestamptz as lease_until, null::timestamptz as deadline_at, null::timestamptz as last_progress_at,
       null::uuid as validation_id, i.ledger_id, i.instance_id, i.state as instance_state, false as is_kept
from workers w
left join lateral (select * from instances i where i.owner_kind = 'worker' and i.owner_id = w.worker_id
                   order by i.generation desc limit 1) i on true
where w.deployment = :deployment and ((:pool)::text is null or w.pool = :pool) and w.ended_at is not null
order by w.ended_at desc limit :count;
