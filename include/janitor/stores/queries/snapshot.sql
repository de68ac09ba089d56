-- name: live_run_glances(deployment)
-- Runs of the fleet that are going on, newest first, with the latest instant at which an instance of an unfinished validation may live.
select s.*, ends.last_end_at
from run_summary s
cross join lateral (
  select max(v.deadline_at + v.grace_minutes * interval '1 minute') as last_end_at
  from repository_validations v where v.run_id = s.run_id and v.finished_at is null
) ends
where s.deployment = :deployment and s.purpose = 'fleet' and s.status = 'running' order by s.started_at desc;

-- name: last_run_glance(deployment)^
select *, null::timestamptz as last_end_at from run_summary
where deployment = :deployment and purpose = 'fleet' and status not in ('running', 'cancelled')
order by started_at desc limit 1;

-- name: news_of_run(run_id)
-- What isn't simply well, or is well again.
select v.organization, v.repository_name, v.run_id, v.status, v.signature, d.change,
       coalesce(d.cause_changed, false) as cause_changed,
       case when d.cause_changed then d.cause_since_at else d.since_at end as since_at,
       coalesce(d.flaky, false) as flaky, f.title, v.status_summary
from repository_validations v
left join report_differences d using (validation_id)
left join failure_signatures f using (signature)
where v.run_id = :run_id and v.finished_at is not null
  and (v.status not in ('success', 'cancelled') or d.change = 'fixed')
order by v.organization, v.repository_name;

-- name: standing_counts(deployment, since)^
select count(*) as repositories,
       count(*) filter (where standing #>> '{verdict,outcome}' = 'failed') as failing,
       count(*) filter (where standing #>> '{verdict,outcome}' is null) as untold
from repository_standings where deployment = :deployment and updated_at >= :since;

-- name: instance_glances(deployment)
select l.*, b.total_usd as cost_usd,
       (select min(c.observed_at) from instance_state_changes c
        where c.ledger_id = l.ledger_id and c.to_state = 'shutting-down') as asked_to_end_at
from live_instances l left join instance_bills b using (ledger_id)
where l.deployment = :deployment order by l.intent_at, l.ledger_id;

-- name: adopted_since(deployment, since)$
select count(*) from instances where deployment = :deployment and origin = 'adopted' and intent_at >= :since;

-- name: money_today(deployment, day)^
select coalesce(sum(coalesce(spent_usd, reserved_usd)), 0) as used_usd,
       coalesce(sum(reserved_usd) filter (where released_at is null), 0) as reserved_usd,
       count(*) filter (where released_at is null) as open_reservations
from budget_reservations where deployment = :deployment and day = :day;

-- name: last_daily_budget(deployment)$
select daily_budget_usd from validation_runs where deployment = :deployment and purpose = 'fleet'
order by started_at desc limit 1;

-- name: spent_by_day(deployment, since)
-- In UTC; what has a price.
select (launched_at at time zone 'UTC')::date as day, coalesce(sum(total_usd), 0) as usd
from instance_bills where deployment = :deployment and launched_at >= :since group by 1;

-- name: explained_since(deployment, since)^
select coalesce(sum(total_seconds), 0) as lived_seconds, coalesce(sum(unexplained_seconds), 0) as unexplained_seconds
from instance_seconds where deployment = :deployment and launched_at >= :since;

-- name: refused_since(deployment, since)$
select count(*) from budget_refusals where deployment = :deployment and refused_at >= :since;

-- name: stale_news(deployment, since)
-- What is told to be stale and isn't over.
select facts, opened_at from news
where deployment = :deployment and event = 'stale' and closed_at is null and over_at is null and last_seen_at >= :since
order by dedupe_key;

-- name: last_pass(deployment)^
select passed_at, in_ec2, unknown_to_ledger, missing_in_ec2, untaken_notices
from reaper_passes where deployment = :deployment;

-- name: keep_pass(deployment, in_ec2, unknown_to_ledger, missing_in_ec2, untaken_notices)!
insert into reaper_passes (deployment, in_ec2, unknown_to_ledger, missing_in_ec2, untaken_notices)
values (:deployment, :in_ec2, :unknown_to_ledger, :missing_in_ec2, :untaken_notices)
on conflict (deployment) do update
set passed_at = excluded.passed_at, in_ec2 = excluded.in_ec2, unknown_to_ledger = excluded.unknown_to_ledger,
    missing_in_ec2 = excluded.missing_in_ec2, untaken_notices = excluded.untaken_notices;

-- name: grid_runs(deployment, before, runs)
-- The last runs that began before an instant, newest first: the columns of the grid, as they were known then.
select run_id, airflow_run_id, trigger, case when completed_at > :before then 'running' else status end as status, started_at
from validation_runs
where deployment = :deployment and purpose = 'fleet' and started_at < :before order by started_at desc limit :runs;

-- name: grid_rows(run_ids, at)
-- A row for each repository: of each run that it was in, its column, and a letter for status, change and flakiness, as
-- they were known at an instant.
with columns as (
  select run_id, (position - 1)::integer as at from unnest((:run_ids)::uuid[]) with ordinality as u (run_id, position)
)
select v.organization || '/' || v.repository_name as repository, array_agg(c.at order by c.at) as columns,
       string_agg(case when v.finished_at > :at then 'r'
                       else case v.status when 'success' then 's' when 'failed' then 'f' when 'error' then 'e'
                                          when 'timed_out' then 't' when 'incomplete' then 'i' when 'cancelled' then 'c'
                                          else 'r' end end, '' order by c.at) as statuses,
       string_agg(case when v.finished_at > :at then '-'
                       else case d.change when 'new' then 'n' when 'fixed' then 'x' when 'still_failing' then 'l'
                                          when 'same' then 'm' when 'first' then '1' else '-' end end, '' order by c.at)
         as changes,
       string_agg(case when d.flaky and v.finished_at <= :at then 'k' else '-' end, '' order by c.at) as flaky
from columns c join repository_validations v using (run_id) left join report_differences d using (validation_id)
group by 1;

-- name: grid_causes(run_ids, at, most)
-- A row for each cause: in each run that had it, how many repositories; those of the newest runs first.
with columns as (
  select run_id, (position - 1)::integer as at from unnest((:run_ids)::uuid[]) with ordinality as u (run_id, position)
), counted as (
  select v.signature, c.at, count(*)::integer as repositories
  from columns c join repository_validations v using (run_id)
  where v.signature is not null and v.status not in ('success', 'cancelled') and v.finished_at <= :at
  group by 1, 2
)
select k.signature, f.title, array_agg(k.at order by k.at) as columns,
       array_agg(k.repositories order by k.at) as repositories
from counted k join failure_signatures f using (signature)
group by k.signature, f.title order by min(k.at), max(k.repositories) desc, k.signature limit :most;
