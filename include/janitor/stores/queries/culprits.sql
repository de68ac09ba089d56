-- name: begin_culprit_search(deployment, search_key, validation_id)$
-- Its number; the one that is there stays as it is.
with made as (
  insert into culprit_searches (deployment, search_key, validation_id)
  values (:deployment, :search_key, :validation_id)
  on conflict (deployment, search_key) do nothing returning search_id
)
select search_id from made
union all
select search_id from culprit_searches where deployment = :deployment and search_key = :search_key
limit 1;

-- name: culprit_steps(search_id)
select * from culprit_steps where search_id = :search_id order by number;

-- name: begin_culprit_step(search_id, number, experiment_id, put_back, reason)!
insert into culprit_steps (search_id, number, experiment_id, put_back, reason)
values (:search_id, :number, :experiment_id, :put_back, :reason)
on conflict (search_id, number) do nothing;

-- name: end_culprit_step(search_id, number, outcome, reason, validation_id, cost_usd)!
-- What is known of it already stays.
update culprit_steps
set outcome = :outcome::culprit_outcome, reason = :reason, validation_id = :validation_id, cost_usd = :cost_usd,
    ended_at = clock_timestamp()
where search_id = :search_id and number = :number and outcome is null;

-- name: end_culprit_search(search_id, state, changes, reason)!
update culprit_searches
set state = :state::culprit_state, changes = :changes, reason = :reason, ended_at = clock_timestamp()
where search_id = :search_id and state = 'searching';

-- name: culprit_question(deployment, repository, run_id)^
-- A repository's last verdict of the fleet, or that of a run, with the success before it.
select v.validation_id, v.organization || '/' || v.repository_name as repository, v.status,
       good.finished_at as good_at, g.report as good_report
from repository_validations v
join validation_runs n using (run_id)
left join lateral (
  select w.validation_id, w.finished_at from repository_validations w join validation_runs q on q.run_id = w.run_id
  where w.organization = v.organization and w.repository_name = v.repository_name and q.deployment = n.deployment
    and q.purpose = 'fleet' and w.status = 'success' and w.finished_at < v.finished_at
  order by w.finished_at desc limit 1
) good on true
left join validation_reports g on g.validation_id = good.validation_id
where n.deployment = :deployment and n.purpose = 'fleet'
  and (v.repository_name = :repository or v.organization || '/' || v.repository_name = :repository)
  and (:run_id::uuid is null or v.run_id = :run_id) and v.status <> 'cancelled' and v.finished_at is not null
order by v.finished_at desc limit 1;
