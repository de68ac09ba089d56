-- name: build_measurements(deployment, organization, repository_name, count)
-- What the last reports with a successful build of an image measured of it, newest first; nulls in those of version 1.
select (select c -> 'measurements' from jsonb_array_elements(r.report -> 'checks') c where c ->> 'name' = 'build_time')
         as build_time,
       (select c -> 'measurements' from jsonb_array_elements(r.report -> 'checks') c where c ->> 'name' = 'image')
         as image
from validation_reports r
join repository_validations v using (validation_id)
join validation_runs n on n.run_id = v.run_id
where n.deployment = :deployment and n.purpose = 'fleet' and v.organization = :organization and v.repository_name = :repository_name
  and v.engine = 'docker' and v.build_succeeded
order by v.finished_at desc
limit :count;
