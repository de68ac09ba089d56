-- name: insert_attempt(ledger_id, owner_kind, owner_id, round, position, instance_type, market, subnet_id)!
insert into placement_attempts (ledger_id, owner_kind, owner_id, round, position, instance_type, market, subnet_id)
values (:ledger_id, :owner_kind, :owner_id, :round, :position, :instance_type, :market, :subnet_id)
on conflict (ledger_id) do nothing;

-- name: finish_attempt(ledger_id, result, aws_code, aws_message, availability_zone)!
-- The first answer is the true one; "unknown" gives way to what is learnt later.
update placement_attempts
set result = :result::placement_result, aws_code = :aws_code, aws_message = :aws_message,
    availability_zone = :availability_zone, ended_at = clock_timestamp()
where ledger_id = :ledger_id and (result in ('pending', 'unknown'));

-- name: attempts_of_owner(owner_kind, owner_id)
select * from placement_attempts where owner_kind = :owner_kind and owner_id = :owner_id order by ledger_id;

-- name: recent_launch_outcomes(deployment, since, organization, repository_name, pool)
-- Newest first; null for organization, repository and pool: of all, those that are for neither too.
select a.result, i.termination_reason,
       coalesce(a.aws_message, i.termination_detail, i.state_reason) as detail,
       i.command_started_at is not null as took_command, i.state not in ('terminated', 'not_launched') as is_live,
       greatest(i.intent_at, i.ended_at) as at
from placement_attempts a
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = i.validation_id
where i.deployment = :deployment and a.started_at > :since and i.owner_kind is not null
  and (:organization::text is null or (v.organization = :organization and v.repository_name = :repository_name))
  and (:pool::text is null or exists (select from workers w where i.owner_kind = 'worker' and w.worker_id = i.owner_id
                                                                  and w.pool = :pool))
order by a.ledger_id desc
limit 500;

-- name: last_breaker_closure(deployment, scope)$
select max(closed_at) from breaker_closures where deployment = :deployment and scope in (:scope, '*');

-- name: insert_breaker_closure(deployment, scope, closed_by)!
insert into breaker_closures (deployment, scope, closed_by) values (:deployment, :scope, :closed_by);

-- name: scopes_launched_since(deployment, since)
-- Whose breakers have something to say: repositories, and the pools of workers.
select distinct v.organization, v.repository_name, w.pool
from placement_attempts a
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = i.validation_id
left join workers w on i.owner_kind = 'worker' and w.worker_id = i.owner_id
where i.deployment = :deployment and a.started_at > :since and (v.validation_id is not null or w.worker_id is not null)
order by 1, 2, 3;

-- name: launch_results_of_run(run_id)
-- How often each result was met, by all that a run launched for its repositories and for itself.
select a.result, count(*) as times
from placement_attempts a
join instances i using (ledger_id)
where i.run_id = :run_id
group by a.result;
