-- name: complete_repositories(deployment, beginning, count)
select v.repository_name as value, 'last validated ' || to_char(max(v.created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as help
from repository_validations v join validation_runs r using (run_id)
where r.deployment = :deployment and r.purpose = 'fleet' and starts_with(v.repository_name, :beginning)
group by v.repository_name order by max(v.created_at) desc limit :count;

-- name: complete_runs(deployment, beginning, count)
select run_id::text as value, status || ', ' || to_char(started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as help
from validation_runs where deployment = :deployment and starts_with(run_id::text, lower(:beginning))
order by started_at desc limit :count;

-- name: complete_running_runs(deployment, beginning, count)
select run_id::text as value, 'since ' || to_char(started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as help
from validation_runs
where deployment = :deployment and status = 'running' and starts_with(run_id::text, lower(:beginning))
order by started_at desc limit :count;

-- name: complete_instances(deployment, beginning, count)
select i.instance_id as value,
       coalesce(v.repository_name, case i.owner_kind when 'run' then 'run ' || i.owner_id || ' (sequential)'
                                                  when 'worker' then 'worker ' || i.owner_id end, '') as help
from instances i left join repository_validations v using (validation_id)
where i.deployment = :deployment and i.instance_id is not null and i.state not in ('terminated', 'not_launched')
  and starts_with(i.instance_id, :beginning)
order by i.intent_at desc limit :count;
