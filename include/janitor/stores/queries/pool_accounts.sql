-- name: pool_machines_since(deployment, pool, since)
-- Machines of workers that were requested from then on, also one that was never launched.
select w.worker_id, w.requested_at, w.ready_at, w.ended_at, i.ledger_id, i.instance_id, i.instance_type, i.state,
       b.total_usd
from workers w
join instances i on i.owner_kind = 'worker' and i.owner_id = w.worker_id
left join instance_bills b using (ledger_id)
where w.deployment = :deployment and w.pool = :pool and w.requested_at >= :since
order by w.requested_at, i.ledger_id;

-- name: turns_on_machines(ledger_ids)
-- Whose they are doesn't matter: it is asked by machine.
select t.ledger_id, t.validation_id, v.organization || '/' || v.repository_name as repository, k.queued_at,
       c.claimed_at, t.command_started_at, t.ended_at, s.usd
from turns t
join repository_validations v using (validation_id)
join task_claims c using (fence)
join tasks k using (task_id)
left join pool_shares s on s.ledger_id = t.ledger_id and s.validation_id = t.validation_id
where t.ledger_id = any (:ledger_ids)
order by t.ledger_id, c.fence;
