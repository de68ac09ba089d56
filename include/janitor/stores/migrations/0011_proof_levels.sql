-- How far each validation proves, how many notes it has, how far its run wanted it proved; and of each difference, between
-- which levels it is. Rows of before have none of it: nothing was required of them.

set local search_path = janitor;

alter table repository_validations
  add column required_proof text constraint repository_validations_required_proof
    check (required_proof in ('image', 'environment')),
  add column proof_level text constraint repository_validations_proof_level
    check (proof_level in ('image', 'environment')),
  add column note_count integer constraint repository_validations_note_count check (note_count >= 0),
  -- A green that proves less than was required is none, whoever writes it.
  add constraint repository_validations_proved check (
    status <> 'success' or required_proof is null
    or (proof_level is not null and (required_proof = 'environment' or proof_level = 'image')));

-- Null where the failing check is the same at every level, and where it isn't known.
alter table report_differences
  add column proof_level text check (proof_level in ('image', 'environment')),
  add column previous_proof_level text check (previous_proof_level in ('image', 'environment'));
alter table check_differences
  add column proof_level text check (proof_level in ('image', 'environment')),
  add column previous_proof_level text check (previous_proof_level in ('image', 'environment'));

create or replace view validation_overview as
select v.validation_id, v.run_id, r.deployment, r.airflow_run_id, v.repository_index, v.repository_name, v.organization,
       v.custom_prompt, v.status, v.status_reason_code, v.status_summary, v.failing_check,
       coalesce(v.instance_id, i.instance_id) as instance_id, i.instance_type, i.state as instance_state,
       i.termination_reason, v.commit_sha, v.engine, v.created_at, coalesce(v.launched_at, i.launched_at) as launched_at,
       v.running_at, v.deadline_at, v.finished_at,
       v.finished_at - coalesce(v.launched_at, v.created_at) as execution_time,
       v.timeout_enforced, v.build_succeeded, v.container_succeeded, v.gpu_available, v.cuda_detected,
       v.command_id, v.log_stream,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.validation_id = v.validation_id and b.launched_at is not null) as cost_usd,
       v.signature, f.title as signature_title,
       d.change, d.outcome, d.since_at, d.since_run_id, d.previous_at, d.previous_run_id, d.cause_changed,
       d.cause_since_at, d.cause_since_run_id, coalesce(d.flaky, false) as flaky,
       v.gpu_required, v.required_proof, v.proof_level, v.note_count,
       d.proof_level as difference_proof_level, d.previous_proof_level
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
left join lateral (
  select * from instances i where i.validation_id = v.validation_id order by generation desc limit 1
) i on true;

create or replace view failures as
select r.deployment, v.validation_id, v.run_id, v.organization, v.repository_name, v.status, v.finished_at, v.signature,
       coalesce(f.check_name, v.failing_check) as check_name,
       coalesce(f.reason_code, v.status_reason_code) as reason_code,
       coalesce(f.title, concat_ws(': ', v.failing_check, v.status_reason_code), v.status::text) as title,
       v.status_summary, d.change, d.since_at, d.since_run_id,
       v.proof_level, v.note_count, d.proof_level as difference_proof_level, d.previous_proof_level
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
where v.status in ('failed', 'error', 'timed_out', 'incomplete');
