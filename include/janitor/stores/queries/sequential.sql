-- name: sequential_run(run_id)^
-- What a run orders as a whole; its hard limit counts from the first instance that was launched for it.
select r.run_id, r.deployment, r.status, r.total_timeout_minutes, r.max_concurrent_instances, r.expected_errors, r.cache,
       r.cache_volume, first.plan, first.grace_minutes,
       (select min(i.deadline_at) from instances i
        where i.owner_kind = 'run' and i.owner_id = r.run_id and i.launched_at is not null) as deadline_at
from validation_runs r
join repository_validations first on first.run_id = r.run_id and first.repository_index = 0
where r.run_id = :run_id and r.kind = 'sequential';

-- name: next_in_turn(run_id)^
-- Whose turn it is: the first repository of the list without an end.
select validation_id, repository_name, organization from repository_validations
where run_id = :run_id and finished_at is null order by repository_index limit 1;

-- name: begin_turn(validation_id, ledger_id)!
insert into turns (validation_id, ledger_id) values (:validation_id, :ledger_id)
on conflict (validation_id, ledger_id) do nothing;

-- name: turns_of_validation(validation_id)$
select count(*) from turns where validation_id = :validation_id;

-- name: end_turns(run_id)!
-- Those whose validation, or whose instance, has ended.
update turns t set ended_at = clock_timestamp()
from repository_validations v, instances i
where v.run_id = :run_id and v.validation_id = t.validation_id and i.ledger_id = t.ledger_id and t.ended_at is null
  and (v.finished_at is not null or i.given_up_at is not null or i.ended_at is not null);

-- name: host_of_turn(validation_id)^
-- The instance of a validation's last turn, with the instants of that turn in place of its own.
select i.*, t.began_at as turn_began_at, t.command_started_at as turn_command_started_at,
       t.first_sign_at as turn_first_sign_at, t.number as turn_number, v.deadline_at as turn_deadline_at
from turns t join instances i using (ledger_id) join repository_validations v on v.validation_id = t.validation_id
where t.validation_id = :validation_id order by t.number desc nulls last, i.generation desc limit 1;

-- name: keep_turn_command(validation_id, ledger_id, started_at)!
update turns set command_started_at = coalesce(command_started_at, :started_at)
where validation_id = :validation_id and ledger_id = :ledger_id;

-- name: keep_turn_terms(validation_id, ledger_id, proof_key, engine)!
insert into turn_terms (validation_id, ledger_id, proof_key, engine)
values (:validation_id, :ledger_id, :proof_key, :engine) on conflict do nothing;

-- name: turn_terms(validation_id, ledger_id)^
select proof_key, engine from turn_terms where validation_id = :validation_id and ledger_id = :ledger_id;

-- name: keep_launch_failure_of_run(run_id, reason_code, summary)!
update repository_validations set status_reason_code = :reason_code, status_summary = :summary
where run_id = :run_id and finished_at is null;

-- name: clear_launch_failure_of_run(run_id)!
update repository_validations set status_reason_code = null, status_summary = null
where run_id = :run_id and finished_at is null;

-- name: cache_settled(run_id, ledger_id)$
select exists (select from validation_runs where run_id = :run_id and cache_ledger_id = :ledger_id);

-- name: keep_cache(run_id, ledger_id, cache, detail, volume_id)!
update validation_runs set cache = :cache::cache_state, cache_detail = :detail, cache_ledger_id = :ledger_id,
       cache_volume = :volume_id
where run_id = :run_id;

-- name: keep_unexpected_errors(run_id, count)!
update validation_runs set unexpected_errors = :count where run_id = :run_id;

-- name: log_streams_of_run(run_id)
select repository_name, log_stream from repository_validations
where run_id = :run_id and log_stream is not null order by repository_index;

-- name: latest_run_of_kind(deployment, kind)$
select run_id from validation_runs where deployment = :deployment and kind = :kind::run_kind
order by started_at desc limit 1;

-- name: reports_of_run(run_id)
select v.validation_id, r.storage_key, r.sha256 from repository_validations v
left join validation_reports r using (validation_id)
where v.run_id = :run_id order by v.repository_index;
