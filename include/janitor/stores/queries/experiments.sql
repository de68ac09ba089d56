-- name: insert_experiment(experiment_id, deployment, purpose, repeated_validation_id, patch, patch_sha256, asked_by, airflow_run_id)!
insert into experiments (experiment_id, deployment, purpose, repeated_validation_id, patch, patch_sha256, asked_by,
                         airflow_run_id)
values (:experiment_id, :deployment, :purpose::experiment_purpose, :repeated_validation_id, :patch, :patch_sha256,
        :asked_by, :airflow_run_id)
on conflict do nothing;

-- name: experiment(deployment, experiment_id)^
select experiment_id, deployment, purpose, repeated_validation_id, patch, patch_sha256, asked_by, airflow_run_id
from experiments where deployment = :deployment and experiment_id = :experiment_id;

-- name: validation_of_experiment(run_id)^
-- The one validation of an experiment's run, the run's own end, and the report; null where there is none yet.
select v.validation_id, v.plan, v.signature, v.finished_at, r.status as run_status, d.report
from validation_runs r
left join repository_validations v using (run_id)
left join validation_reports d using (validation_id)
where r.run_id = :run_id;

-- name: repeatable_validation(deployment, validation_id)^
-- A validation that can be done again, with where it really ran.
select v.validation_id, v.run_id, v.plan, v.grace_minutes, v.status, v.commit_sha, v.signature, v.finished_at, r.purpose,
       (select i.instance_type from instances i left join turns t using (ledger_id)
        where v.validation_id in (i.validation_id, t.validation_id) and i.instance_id is not null
        order by i.validation_id is not distinct from v.validation_id desc, t.number desc nulls last,
                 i.generation desc limit 1) as instance_type,
       d.report
from repository_validations v join validation_runs r using (run_id) left join validation_reports d using (validation_id)
where r.deployment = :deployment and v.validation_id = :validation_id;

-- name: validator_of_repeated(run_id)$
-- The artefact that made the report which the experiment of this run repeats; null where nothing tells.
select d.report #>> '{provenance,validator_sha256}'
from validation_runs r
join experiments e on e.deployment = r.deployment and e.airflow_run_id = r.airflow_run_id
left join validation_reports d on d.validation_id = e.repeated_validation_id
where r.run_id = :run_id and r.purpose = 'experiment';
