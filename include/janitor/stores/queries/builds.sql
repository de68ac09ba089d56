-- name: build_evidence(deployment, organization, repository_name, count)
-- What the last reports with a successful build of an image say of it; newest first.
select last.finished_at, c.value ->> 'name' as check_name, e.value ->> 'tail' as text
from (
  select v.finished_at, r.report
  from validation_reports r
  join repository_validations v using (validation_id)
  join validation_runs n on n.run_id = v.run_id
  where n.deployment = :deployment and v.organization = :organization and v.repository_name = :repository_name
    and v.engine = 'docker' and v.build_succeeded
  order by v.finished_at desc
  limit :count
) last
cross join lateral jsonb_array_elements(last.report -> 'checks') c
cross join lateral jsonb_array_elements(c.value -> 'evidence') e
where (c.value ->> 'name', e.value ->> 'name') in (('build_time', 'build time'), ('image', 'image'))
order by last.finished_at desc;
