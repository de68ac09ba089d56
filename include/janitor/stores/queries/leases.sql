-- name: live_of_repository(deployment, repository)
select i.*, v.repository_name, v.organization, r.airflow_run_id
from instances i
join repository_validations v using (validation_id)
join validation_runs r on r.run_id = i.run_id
where i.deployment = :deployment and i.state in ('intent', 'pending', 'running')
  and (v.repository_name = :repository or v.organization || '/' || v.repository_name = :repository)
order by i.intent_at;

-- name: lock_ledger_row(ledger_id)^
select * from instances where ledger_id = :ledger_id for update;

-- name: insert_lease(ledger_id, reservation_id, requested_by, keep_until)!
insert into keep_leases (ledger_id, reservation_id, requested_by, keep_until)
values (:ledger_id, :reservation_id, :requested_by, :keep_until);

-- name: set_keep_until(ledger_id, keep_until)!
update instances set keep_until = :keep_until where ledger_id = :ledger_id;

-- name: end_leases(ledger_id, at)!
update keep_leases set keep_until = greatest(requested_at, :at) where ledger_id = :ledger_id and keep_until > :at;

-- name: reserved_for_leases(ledger_id)$
select coalesce(sum(reserved_usd), 0) from budget_reservations where kind = 'lease' and ledger_id = :ledger_id;

-- name: kept_instances(deployment)
select instance_id, repository_name, run_id, keep_until, price_usd_hour from live_instances
where deployment = :deployment and keep_until > now() and instance_id is not null
order by keep_until;
