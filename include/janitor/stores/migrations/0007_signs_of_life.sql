-- The first sign of life after a command, and what becomes of an instance that gives none.

set local search_path = janitor;

alter type watch_outcome add value 'no_sign_of_life';
alter type termination_reason add value 'no_sign_of_life';

-- When it was first seen that the command has started; null: not yet, or nobody looked.
alter table instances add column first_sign_at timestamptz;

-- Every second of every instance, by what it went into; the time of a command that never started is idle; the phases add up to the total. `overdue` is the part of
-- `unexplained` after the instance's expiry and outside of any debug lease.
create or replace view instance_seconds as
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
         (report.has_report and i.command_started_at is not null and i.command_ended_at is not null)
           or coalesce(i.termination_reason::text = 'no_sign_of_life', false) as explained
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

-- Time that was no work, for each instance, with everything that is known of how it ended.
create or replace view waste as
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
         when 'no_sign_of_life' then 'its run''s task'
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
