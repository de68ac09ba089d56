-- name: validation(validation_id)^
select v.*, r.deployment, r.airflow_run_id, r.max_concurrent_instances, r.status as run_status, r.purpose
from repository_validations v join validation_runs r using (run_id)
where v.validation_id = :validation_id;

-- name: overviews_of_run(run_id)
select * from validation_overview where run_id = :run_id order by repository_index;

-- name: planned_of_run(run_id)
select validation_id, repository_name, plan ->> 'pool' as pool from repository_validations
where run_id = :run_id order by repository_index;

-- name: overview_of_validation(validation_id)
select * from validation_overview where validation_id = :validation_id;

-- name: checks_of_validation(validation_id)
select name, status, required, reason_code, reason, duration_seconds from checks
where validation_id = :validation_id order by position;

-- name: overviews_of_repository(deployment, repository_name, count)
select * from validation_overview
where deployment = :deployment and purpose = 'fleet'
  and (repository_name = :repository_name or organization || '/' || repository_name = :repository_name)
order by created_at desc limit :count;

-- name: known_repository_names(deployment)
select distinct repository_name from repository_validations v join validation_runs r using (run_id)
where r.deployment = :deployment order by 1;

-- name: mark_launching(validation_id)!
update repository_validations set status = 'launching'
where validation_id = :validation_id and status in ('queued', 'running');

-- name: mark_launched(validation_id, instance_id)!
update repository_validations
set instance_id = :instance_id, launched_at = coalesce(launched_at, clock_timestamp()),
    status_reason_code = null, status_summary = null  -- what an earlier attempt met is no reason any more
where validation_id = :validation_id and finished_at is null;

-- name: set_deadline(validation_id, deadline_at)^
-- The hard limit counts from the first launch and holds over retries; an attempt that launched nothing is none.
update repository_validations
set deadline_at = case when launched_at is null then :deadline_at else coalesce(deadline_at, :deadline_at) end
where validation_id = :validation_id
returning deadline_at;

-- name: mark_running(validation_id, command_id, log_stream)!
update repository_validations
set status = case when finished_at is null then 'running'::validation_status else status end,
    command_id = :command_id, log_stream = :log_stream, running_at = coalesce(running_at, clock_timestamp())
where validation_id = :validation_id and status in ('launching', 'running');

-- name: keep_watch_outcome(validation_id, ledger_id, watch_outcome, command_status, command_exit_code)!
-- Whoever still watches an instance that has a successor says nothing of the validation any more.
update repository_validations
set watch_outcome = :watch_outcome, command_status = :command_status, command_exit_code = :command_exit_code
where validation_id = :validation_id and finished_at is null
  and :ledger_id = (select i.ledger_id from instances i left join turns t using (ledger_id)
                    where :validation_id in (i.validation_id, t.validation_id)
                    order by i.validation_id is not distinct from :validation_id desc, t.number desc nulls last,
                             i.generation desc limit 1);

-- name: clear_watch_outcome(validation_id)!
-- Before another generation is launched: what the earlier instance did says nothing of the new one.
update repository_validations
set watch_outcome = null, command_status = null, command_exit_code = null, command_id = null
where validation_id = :validation_id and finished_at is null;

-- name: finish_validation(validation_id, status, status_reason_code, status_summary, failing_check, timeout_enforced, commit_sha, engine, build_succeeded, container_succeeded, gpu_available, cuda_detected, proof_level, note_count)!
update repository_validations
set status = :status, status_reason_code = :status_reason_code, status_summary = :status_summary,
    failing_check = :failing_check, timeout_enforced = :timeout_enforced, commit_sha = :commit_sha, engine = :engine,
    build_succeeded = :build_succeeded, container_succeeded = :container_succeeded, gpu_available = :gpu_available,
    cuda_detected = :cuda_detected, proof_level = :proof_level, note_count = :note_count, finished_at = clock_timestamp()
where validation_id = :validation_id and finished_at is null;

-- name: keep_launch_failure(validation_id, reason_code, summary)!
update repository_validations set status_reason_code = :reason_code, status_summary = :summary
where validation_id = :validation_id and finished_at is null;

-- name: insert_report(validation_id, ledger_id, format, storage_key, sha256, partial, report)!
insert into validation_reports (validation_id, ledger_id, format, storage_key, sha256, partial, report)
values (:validation_id, :ledger_id, :format, :storage_key, :sha256, :partial, :report)
on conflict (validation_id) do nothing;

-- name: insert_check(validation_id, position, name, status, required, reason_code, reason, started_at, duration_seconds, exit_code)!
insert into checks (validation_id, position, name, status, required, reason_code, reason, started_at, duration_seconds,
                    exit_code)
values (:validation_id, :position, :name, :status, :required, :reason_code, :reason, :started_at, :duration_seconds,
        :exit_code)
on conflict (validation_id, position) do nothing;

-- name: unfinished_validations(run_id)
select validation_id, repository_name, status from repository_validations
where run_id = :run_id and finished_at is null order by repository_index;
