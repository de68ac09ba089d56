-- name: failure_row(deployment, validation_id)^
-- A red validation with its report, the last success before it began, and what changed between the two.
select v.validation_id, v.commit_sha, v.signature, v.plan, r.report, d.changes, g.report as good_report, good.finished_at as good_at,
       (select i.instance_type from instances i
        where i.validation_id = v.validation_id and i.launched_at is not null
        order by i.generation desc limit 1) as instance_type
from repository_validations v
join validation_runs n using (run_id)
join validation_reports r using (validation_id)
left join report_differences now on now.validation_id = v.validation_id
left join report_differences d on d.validation_id = coalesce(now.since_validation_id, v.validation_id)
left join repository_validations good on good.validation_id = d.previous_validation_id and good.status = 'success'
left join validation_reports g on g.validation_id = good.validation_id
where n.deployment = :deployment and v.validation_id = :validation_id and v.status = 'failed';
