-- What instances cost and what their time went into. The rules are those of domain/costs.py; a test compares the two.

set local search_path = janitor;

-- A refusal for want of a price has no amount.
alter table budget_refusals alter column wanted_usd drop not null;
grant update on budget_refusals to janitor_write;

create index validation_reports_of_instance on validation_reports (ledger_id);
create index budget_reservations_of_lease on budget_reservations (ledger_id) where kind = 'lease';

-- Rows of before: with one instance alone, it is known which command and report were its own. The validation's end is
-- the last moment at which the command can have run.
update instances i
set command_started_at = v.running_at, command_ended_at = greatest(v.running_at, least(v.finished_at, i.ended_at))
from repository_validations v
where v.validation_id = i.validation_id and v.running_at is not null and i.command_started_at is null
  and i.instance_id is not null
  and not exists (select from instances other
                  where other.validation_id = i.validation_id and other.ledger_id <> i.ledger_id);
update validation_reports r
set ledger_id = (select i.ledger_id from instances i where i.validation_id = r.validation_id
                 order by i.generation desc limit 1)
where r.ledger_id is null;

-- Which part of a validation each check is. A check that isn't listed (a newer validator's) is a test.
create table check_phases (
  check_name text primary key,
  phase      text not null check (phase in ('build', 'test'))
);
insert into check_phases
  select unnest(array['checkout', 'layout', 'dockerfile_parse', 'hub_schema', 'tests_schema', 'test_input',
                      'python_static', 'host', 'build', 'image']), 'build';
insert into check_phases
  select unnest(array['gpu_in_container', 'container_start', 'handler_local', 'handler_api', 'log_scan', 'agent_prompt',
                      'cleanup']), 'test';

create function seconds_of(spans tstzmultirange) returns numeric language sql immutable parallel safe
  return (select coalesce(sum(extract(epoch from upper(span) - lower(span))), 0) from unnest(spans) span);

-- What an instance costs as a whole: by the second, at least 60, from RunInstances' answer to the first sight of
-- shutting-down, and its volume to the end. An instance that lives is reckoned to now; unknown prices make it unknown.
create view instance_bills as
select i.ledger_id, i.deployment, i.run_id, i.validation_id, i.instance_id, at.launched_at, at.stopped_at, i.ended_at,
       case when at.launched_at is null then 0 else seconds.billed end as billed_seconds,
       case when at.launched_at is null then 0
            else round(i.price_usd_hour * seconds.billed / 3600
                       + i.volume_gib * i.volume_usd_gib_month * seconds.volume / (30 * 86400), 6) end as total_usd
from instances i
cross join lateral (
  select coalesce(i.launched_at, case when i.instance_id is not null then i.intent_at end) as launched_at
) first
cross join lateral (
  select first.launched_at,
         case when i.ended_at is not null or i.state = 'shutting-down' then
           greatest(first.launched_at,
                    coalesce((select min(c.observed_at) from instance_state_changes c
                              where c.ledger_id = i.ledger_id and c.to_state = 'shutting-down'), i.ended_at)) end
           as stopped_at
) at
cross join lateral (
  select greatest(60, ceil(extract(epoch from coalesce(at.stopped_at, now()) - at.launched_at))) as billed,
         greatest(60, extract(epoch from coalesce(i.ended_at, now()) - at.launched_at)) as volume
) seconds;

-- Every second of every instance, by what it went into; the phases add up to the total. `overdue` is the part of
-- `unexplained` after the instance's expiry and outside of any debug lease.
create view instance_seconds as
select b.ledger_id, b.deployment, b.run_id, b.validation_id, b.instance_id, b.launched_at, b.stopped_at,
       facts.live, facts.has_report, seconds_of(life.whole) as total_seconds,
       seconds_of(step.boot) + case when facts.boots then seconds_of(step.without - lease.spans) else 0 end
         as boot_seconds,
       seconds_of(work.build) as build_seconds,
       seconds_of(work.test) as test_seconds,
       case when facts.explained then seconds_of(work.bare) else 0 end as idle_seconds,
       seconds_of(step.after - lease.spans) as after_finish_seconds,
       seconds_of((step.after + step.without) * lease.spans)
         + case when facts.explained then 0 else seconds_of(work.bare * lease.spans) end as kept_seconds,
       case when facts.live and not facts.explained then seconds_of(work.bare - lease.spans) else 0 end
         as in_progress_seconds,
       seconds_of(life.overdue) + case when facts.boots then 0 else seconds_of(step.without - lease.spans) end
         + case when facts.live or facts.explained then 0 else seconds_of(work.bare - lease.spans) end
         as unexplained_seconds,
       seconds_of(life.overdue) as overdue_seconds
from instance_bills b
join instances i using (ledger_id)
cross join lateral (
  select coalesce(range_agg(tstzrange(l.requested_at, l.keep_until)), '{}') as spans
  from keep_leases l where l.ledger_id = b.ledger_id and l.requested_at < l.keep_until
) lease
cross join lateral (
  select coalesce(range_agg(c.during) filter (where c.phase = 'build'), '{}') as building,
         coalesce(range_agg(c.during) filter (where c.phase = 'test'), '{}') as testing,
         count(*) > 0 as has_report
  from validation_reports r
  left join lateral (
    select coalesce(p.phase, 'test') as phase,
           tstzrange(c.started_at, c.started_at + make_interval(secs => c.duration_seconds)) as during
    from checks c left join check_phases p on p.check_name = c.name
    where c.validation_id = r.validation_id and c.started_at is not null and c.duration_seconds is not null
  ) c on true
  where r.ledger_id = b.ledger_id
) report
cross join lateral (
  select flag.live, report.has_report,
         flag.live and i.origin = 'launched' as boots,
         report.has_report and i.command_started_at is not null and i.command_ended_at is not null as explained
  from (select b.launched_at is not null and b.stopped_at is null as live) flag
) facts
cross join lateral (
  select ends.cs as begins, ends.ce as ends,
         case when ends.cs is null then '{}' else tstzmultirange(tstzrange(null, ends.cs)) end as before,
         case when ends.cs is null then '{}' else tstzmultirange(tstzrange(ends.cs, ends.ce)) end as during,
         case when ends.ce is null then '{}' else tstzmultirange(tstzrange(ends.ce, null)) end as after,
         case when ends.cs is null then tstzmultirange(tstzrange(null, null)) else '{}' end as without
  from (select i.command_started_at as cs,
               case when i.command_started_at is not null and i.command_ended_at is not null
                    then greatest(i.command_started_at, i.command_ended_at) end as ce) ends
) command
cross join lateral (
  select span.whole, span.whole * late.hours as overdue, span.whole - late.hours as due
  from (select case when b.launched_at is null then '{}' else tstzmultirange(
                 tstzrange(b.launched_at, greatest(b.launched_at, coalesce(b.stopped_at, now())))) end as whole) span,
       (select tstzmultirange(tstzrange(i.expires_at, null)) - lease.spans as hours) late
) life
cross join lateral (
  select life.due * command.before as boot, life.due * command.during as during, life.due * command.after as after,
         life.due * command.without as without
) step
cross join lateral (
  select step.during * report.building as build, step.during * report.testing - report.building as test,
         step.during - report.building - report.testing as bare
) work;

-- What each phase cost: the total, shared out by time. An instance without a second of life is all unexplained.
create view instance_costs as
select s.ledger_id, s.deployment, s.run_id, s.validation_id, s.instance_id, s.launched_at, s.stopped_at,
       round(b.total_usd * s.boot_seconds / per.second, 6) as boot_usd,
       round(b.total_usd * s.build_seconds / per.second, 6) as build_usd,
       round(b.total_usd * s.test_seconds / per.second, 6) as test_usd,
       round(b.total_usd * s.idle_seconds / per.second, 6) as idle_usd,
       round(b.total_usd * s.after_finish_seconds / per.second, 6) as after_finish_usd,
       round(b.total_usd * s.kept_seconds / per.second, 6) as kept_usd,
       round(b.total_usd * s.in_progress_seconds / per.second, 6) as in_progress_usd,
       case when s.total_seconds = 0 then b.total_usd
            else round(b.total_usd * s.unexplained_seconds / per.second, 6) end as unexplained_usd,
       b.total_usd
from instance_seconds s
join instance_bills b using (ledger_id)
cross join lateral (select case when s.total_seconds = 0 then 1 else s.total_seconds end as second) per;

create view cost_by_day_and_repository as
select (b.launched_at at time zone 'UTC')::date as day, b.deployment,
       v.organization, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       count(*) as instances, sum(b.billed_seconds) as billed_seconds, round(sum(b.total_usd), 4) as cost_usd,
       count(*) filter (where b.total_usd is null) as instances_without_price
from instance_bills b
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = b.validation_id
where b.launched_at is not null
group by 1, 2, 3, 4;

-- Time that was no work, for each instance, with everything that is known of how it ended.
create view waste as
select s.ledger_id, s.deployment, s.run_id, s.validation_id, s.instance_id, i.instance_type, i.origin,
       coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       s.launched_at, s.stopped_at, s.live, s.total_seconds, s.unexplained_seconds, s.idle_seconds,
       s.after_finish_seconds, c.unexplained_usd, c.idle_usd, c.after_finish_usd, c.total_usd,
       nullif(concat_ws('; ',
         case when i.origin = 'adopted' then 'Janitor did not launch it' end,
         case when s.unexplained_seconds <= s.overdue_seconds then null
              when i.command_started_at is null and i.origin = 'launched' then 'it never got a command'
              when i.command_started_at is not null and i.command_ended_at is null
                then 'the end of its command was not seen'
              when i.command_started_at is not null and not s.has_report then 'it left no report' end,
         case when s.overdue_seconds > 0 then 'alive ' || ceil(s.overdue_seconds) || ' s past its expiry' end), '')
         as unexplained_because,
       i.termination_reason, i.termination_detail, i.state_reason,
       case i.termination_reason::text
         when 'finished' then 'its run''s task' when 'timeout' then 'its run''s task'
         when 'cancelled' then 'its run''s task' when 'launch_failed' then 'its run''s task'
         when 'run_teardown' then 'terminate_all' when 'operator_kill' then 'kill-all-workers'
         when 'orphan' then 'the reaper' when 'overdue' then 'the reaper' when 'lease_expired' then 'the reaper'
         when 'spot_interrupted' then 'AWS' when 'guest_timer' then 'its own timer'
         when 'external_timer' then 'its timer in AWS' when 'external_reaper' then 'the reaper''s function in AWS'
         when 'instance_lost' then 'not known' end as ended_by,
       (select string_agg(n.kind || coalesce(': ' || (n.detail ->> 'reason'), ''), '; ' order by n.noticed_at)
        from external_notices n where n.deployment = s.deployment and n.instance_id = s.instance_id) as notices
from instance_seconds s
join instance_costs c using (ledger_id)
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = s.validation_id
where s.launched_at is not null;

create view budget_by_day as
with reserved as (
  select deployment, day,
         coalesce(sum(reserved_usd) filter (where released_at is null), 0) as reserved_usd,
         coalesce(sum(spent_usd), 0) as spent_usd,
         sum(coalesce(spent_usd, reserved_usd)) as used_usd,
         count(*) filter (where released_at is null) as open_reservations,
         coalesce(sum(coalesce(spent_usd, reserved_usd)) filter (where kind = 'lease'), 0) as leases_usd
  from budget_reservations group by 1, 2
), refused as (
  select deployment, (refused_at at time zone 'UTC')::date as day, count(*) as refused_runs
  from budget_refusals group by 1, 2
)
select deployment, day, coalesce(reserved_usd, 0) as reserved_usd, coalesce(spent_usd, 0) as spent_usd,
       coalesce(used_usd, 0) as used_usd, coalesce(open_reservations, 0) as open_reservations,
       coalesce(leases_usd, 0) as leases_usd, coalesce(refused_runs, 0) as refused_runs
from reserved full join refused using (deployment, day);

-- Null where nothing was launched, or where a price isn't known.
create or replace view validation_overview as
select v.validation_id, v.run_id, r.deployment, r.airflow_run_id, v.repository_index, v.repository_name, v.organization,
       v.custom_prompt, v.status, v.status_reason_code, v.status_summary, v.failing_check,
       coalesce(v.instance_id, i.instance_id) as instance_id, i.instance_type, i.state as instance_state,
       i.termination_reason, v.commit_sha, v.engine, v.created_at, coalesce(v.launched_at, i.launched_at) as launched_at,
       v.running_at, v.deadline_at, v.finished_at,
       v.finished_at - coalesce(v.launched_at, v.created_at) as execution_time,
       v.timeout_enforced, v.build_succeeded, v.container_succeeded, v.gpu_available, v.cuda_detected,
       v.command_id, v.log_stream,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.validation_id = v.validation_id and b.launched_at is not null) as cost_usd
from repository_validations v
join validation_runs r using (run_id)
left join lateral (
  select * from instances i where i.validation_id = v.validation_id order by generation desc limit 1
) i on true;

create or replace view run_summary as
select r.run_id, r.deployment, r.airflow_run_id, r.trigger, r.config_file_path, r.total_repositories, r.timeout_minutes,
       r.max_concurrent_instances, r.status, r.status_reason, r.started_at, r.completed_at,
       r.completed_at - r.started_at as duration,
       count(v.validation_id) filter (where v.status = 'success') as successful,
       count(v.validation_id) filter (where v.finished_at is not null) as finished,
       coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.run_id = r.run_id and b.launched_at is not null) as cost_usd
from validation_runs r left join repository_validations v using (run_id)
group by r.run_id;

grant select on all tables in schema janitor to janitor_read, janitor_write;
