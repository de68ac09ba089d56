-- name: badge_standings(deployment)
-- Repositories whose last validation is of a run that publishes badges, and those that had one and have none any more.
select s.organization, s.repository_name, coalesce(last.badges, false) as wanted, b.message as published,
       s.standing #>> '{verdict,outcome}' as outcome, (s.standing #>> '{verdict,since,at}')::timestamptz as since_at,
       (s.standing #>> '{verdict,last,at}')::timestamptz as last_at, coalesce(last.flaky, false) as flaky
from repository_standings s
left join published_badges b using (deployment, organization, repository_name)
left join lateral (
  select r.badges, d.flaky
  from repository_validations v join validation_runs r using (run_id) left join report_differences d using (validation_id)
  where v.organization = s.organization and v.repository_name = s.repository_name and r.deployment = s.deployment
    and r.purpose = 'fleet' and v.finished_at is not null
  order by v.finished_at desc limit 1
) last on true
where s.deployment = :deployment and (last.badges or b.message is not null)
order by s.organization, s.repository_name;

-- name: keep_published_badge(deployment, organization, repository_name, message)!
insert into published_badges (deployment, organization, repository_name, message)
values (:deployment, :organization, :repository_name, :message)
on conflict (deployment, organization, repository_name) do update
set message = excluded.message, published_at = clock_timestamp();
