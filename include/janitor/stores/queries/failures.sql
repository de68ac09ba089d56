-- name: last_good_of_failure(validation_id)^
-- The last success before a failure began, what changed from it, and when that was.
select d.changes, d.since_at as broken_since, g.report as good_report, good.finished_at as good_at
from repository_validations v
left join report_differences now on now.validation_id = v.validation_id
left join report_differences d on d.validation_id = coalesce(now.since_validation_id, v.validation_id)
left join repository_validations good on good.validation_id = d.previous_validation_id and good.status = 'success'
left join validation_reports g on g.validation_id = good.validation_id
where v.validation_id = :validation_id;
