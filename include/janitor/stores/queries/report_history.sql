-- name: insert_signature(signature, check_name, reason_code, line, title)!
insert into failure_signatures (signature, check_name, reason_code, line, title)
values (:signature, :check_name, :reason_code, :line, :title)
on conflict (signature) do nothing;

-- name: set_signature(validation_id, signature)!
update repository_validations set signature = :signature where validation_id = :validation_id and signature is null;

-- name: signature_of_validation(validation_id)^
select signature, title from repository_validations join failure_signatures using (signature)
where validation_id = :validation_id;

-- name: finished_at(validation_id)$
select finished_at from repository_validations where validation_id = :validation_id;

-- name: insert_standing(deployment, organization, repository_name)!
insert into repository_standings (deployment, organization, repository_name)
values (:deployment, :organization, :repository_name)
on conflict (deployment, organization, repository_name) do nothing;

-- name: lock_standing(deployment, organization, repository_name)^
-- Whoever records the same repository's next report waits here, so that each is compared with the one before it.
select standing from repository_standings
where deployment = :deployment and organization = :organization and repository_name = :repository_name
for update;

-- name: update_standing(deployment, organization, repository_name, standing)!
update repository_standings set standing = :standing, updated_at = clock_timestamp()
where deployment = :deployment and organization = :organization and repository_name = :repository_name;

-- name: earlier_validations(deployment, organization, repository_name, validation_id, count)
-- The last final ones but this one, the newest first.
select v.validation_id, v.run_id, v.finished_at, v.status, v.status_reason_code, v.status_summary, v.failing_check,
       v.commit_sha, v.signature, v.engine,
       (select coalesce(jsonb_object_agg(c.name, c.status), '{}') from checks c
        where c.validation_id = v.validation_id) as checks
from repository_validations v join validation_runs r using (run_id)
where r.deployment = :deployment and r.purpose = 'fleet'
  and v.organization = :organization and v.repository_name = :repository_name
  and v.finished_at is not null and v.validation_id <> :validation_id
order by v.finished_at desc limit :count;

-- name: report_document(validation_id)$
select report from validation_reports where validation_id = :validation_id;

-- name: report_documents(validation_ids)
select validation_id, report from validation_reports where validation_id = any(:validation_ids);

-- name: insert_report_difference(validation_id, change, outcome, since_at, since_run_id, since_validation_id, previous_at, previous_run_id, previous_validation_id, cause_changed, cause_since_at, cause_since_run_id, flaky, changes, proof_level, previous_proof_level)!
insert into report_differences (validation_id, change, outcome, since_at, since_run_id, since_validation_id, previous_at,
                                previous_run_id, previous_validation_id, cause_changed, cause_since_at,
                                cause_since_run_id, flaky, changes, proof_level, previous_proof_level)
values (:validation_id, :change::report_change, :outcome::report_outcome, :since_at, :since_run_id,
        :since_validation_id, :previous_at, :previous_run_id, :previous_validation_id, :cause_changed, :cause_since_at,
        :cause_since_run_id, :flaky, :changes, :proof_level, :previous_proof_level)
on conflict (validation_id) do nothing;

-- name: insert_check_difference(validation_id, check_name, change, since_at, since_run_id, since_validation_id, flaky, proof_level, previous_proof_level)!
insert into check_differences (validation_id, check_name, change, since_at, since_run_id, since_validation_id, flaky,
                               proof_level, previous_proof_level)
values (:validation_id, :check_name, :change::report_change, :since_at, :since_run_id, :since_validation_id, :flaky,
        :proof_level, :previous_proof_level)
on conflict (validation_id, check_name) do nothing;

-- name: check_differences_of(validation_ids)
select d.validation_id, d.check_name, d.change, d.since_at, d.since_run_id, d.flaky, d.proof_level, d.previous_proof_level
from check_differences d join checks c on c.validation_id = d.validation_id and c.name = d.check_name
where d.validation_id = any(:validation_ids) order by d.validation_id, c.position;

-- name: provenance_of(validation_ids)
-- The commit and the machine as its report tells them, what changed since the last conclusive report, and, of a failure that goes on, what
-- had changed when it began. Notes and what is unproven are told of reports alone that the verdict follows.
select id as validation_id, r.report -> 'provenance' -> 'commit' as commit,
       r.report -> 'provenance' -> 'machine' as machine, d.changes, b.changes as broken_with,
       case when v.note_count is not null then r.report -> 'unproven' end as unproven,
       case when v.note_count > 0 then jsonb_path_query_array(r.report, '$.checks[*].notes[*]') end as notes
from unnest(:validation_ids::uuid[]) id
left join repository_validations v on v.validation_id = id
left join validation_reports r on r.validation_id = id
left join report_differences d on d.validation_id = id
left join report_differences b on d.change = 'still_failing' and b.validation_id = d.since_validation_id
                              and b.change = 'new';

-- name: places_of(validation_ids)
-- Where the check that decided says to look, if it says so.
select v.validation_id, c.value -> 'measurements' ->> 'file' as file,
       case when jsonb_typeof(c.value -> 'measurements' -> 'line') = 'number'
            then (c.value -> 'measurements' ->> 'line')::numeric::integer end as line
from repository_validations v join validation_reports r using (validation_id)
cross join lateral jsonb_array_elements(r.report -> 'checks') c
where v.validation_id = any(:validation_ids) and c.value ->> 'name' = v.failing_check
  and c.value -> 'measurements' ->> 'file' is not null;

-- name: phases_of(validation_ids)
select validation_id, phase, seconds, usd from validation_phases
where validation_id = any(:validation_ids) order by validation_id, position;

-- name: failures_of_last_runs(deployment, runs)
-- With what the repository's last conclusive report says now.
select f.*, s.standing -> 'verdict' ->> 'outcome' as stands, s.standing -> 'verdict' ->> 'level' as stands_by
from failures f
left join repository_standings s
  on s.deployment = f.deployment and s.organization = f.organization and s.repository_name = f.repository_name
where f.run_id in (select run_id from validation_runs where deployment = :deployment and purpose = 'fleet'
                   order by started_at desc limit :runs)
order by f.finished_at desc, f.repository_name;

-- name: last_runs(deployment, runs)^
select count(*) as runs, min(started_at) as since
from (select started_at from validation_runs where deployment = :deployment and purpose = 'fleet'
      order by started_at desc limit :runs) r;
