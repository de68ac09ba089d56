-- What a validation costs that had turns on a pool's machines: its share of each, by busy time. The rules are those of
-- domain/money/pooled.py and domain/money/costs.py; tests compare the two.

set local search_path = janitor;

create index turns_of_instance on turns (ledger_id);
create index instances_of_workers on instances (
  deployment, (coalesce(launched_at, case when instance_id is not null then intent_at end))) where owner_kind = 'worker';
-- So that a few days' machines are known to be few.
create statistics instances_launches on (coalesce(launched_at, case when instance_id is not null then intent_at end))
  from instances;

-- What the time of a pool's machine went into ------------------------------------------------------------------------

-- As before; a pool's machine has turns in place of a command. It boots until it could take a task; in a turn it builds,
-- tests, or does what a report explains; and between turns it waits, which is idle time.
create or replace view reckoned_seconds as
select b.ledger_id, b.deployment, b.run_id, b.validation_id, b.instance_id, b.launched_at, b.stopped_at,
       facts.live, facts.has_report, seconds_of(life.whole) as total_seconds,
       seconds_of(step.boot) + case when facts.boots then seconds_of(step.without - lease.spans) else 0 end
         as boot_seconds,
       seconds_of(work.build) as build_seconds,
       seconds_of(work.test) as test_seconds,
       seconds_of(work.bare - silence.spans) as idle_seconds,
       seconds_of(step.after - lease.spans) as after_finish_seconds,
       seconds_of((step.after + step.without) * lease.spans) + seconds_of(work.bare * silence.spans * lease.spans)
         as kept_seconds,
       case when facts.live then seconds_of(work.bare * silence.spans - lease.spans) else 0 end
         as in_progress_seconds,
       seconds_of(life.overdue) + case when facts.boots then 0 else seconds_of(step.without - lease.spans) end
         + case when facts.live then 0 else seconds_of(work.bare * silence.spans - lease.spans) end
         as unexplained_seconds,
       seconds_of(life.overdue) as overdue_seconds
from reckoned_bills b
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
  select i.owner_kind is not distinct from 'worker' as is_pooled
) kind
cross join lateral (
  select min(t.began_at) as first_at,
         coalesce(range_agg(span.during), '{}') as spans,
         coalesce(range_agg(span.during) filter (where not exists (
           select from validation_reports r where r.validation_id = t.validation_id and r.ledger_id = t.ledger_id)), '{}')
           as untold
  from turns t cross join lateral (
    select tstzrange(t.began_at, case when t.ended_at is not null then greatest(t.began_at, t.ended_at) end) as during
  ) span
  where kind.is_pooled and t.ledger_id = b.ledger_id
) turn
cross join lateral (
  select flag.live, report.has_report,
         flag.live and i.origin = 'launched' as boots,
         coalesce(i.termination_reason::text = 'no_sign_of_life', false) as gave_no_sign
  from (select b.launched_at is not null and b.stopped_at is null as live) flag
) facts
cross join lateral (
  select case when ends.cs is null then '{}' else tstzmultirange(tstzrange(null, ends.cs)) end as before,
         case when ends.cs is null then '{}' else tstzmultirange(tstzrange(ends.cs, ends.ce)) end as during,
         case when ends.ce is null then '{}' else tstzmultirange(tstzrange(ends.ce, null)) end as after,
         case when ends.cs is null then tstzmultirange(tstzrange(null, null)) else '{}' end as without
  from (select case when kind.is_pooled
                    then least(turn.first_at, (select w.ready_at from workers w where w.worker_id = i.owner_id))
                    else i.command_started_at end as cs,
               case when not kind.is_pooled and i.command_started_at is not null and i.command_ended_at is not null
                    then greatest(i.command_started_at, i.command_ended_at) end as ce) ends
) command
cross join lateral (
  -- Of this time no report says what it went into; the time of a command that never started is idle, as is known.
  select case when kind.is_pooled
              then case when facts.gave_no_sign then '{}' else turn.untold end + (lease.spans - turn.spans)
              when facts.gave_no_sign or (report.has_report and i.command_started_at is not null
                                          and i.command_ended_at is not null) then '{}'
              else tstzmultirange(tstzrange(null, null)) end as spans
) silence
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

-- A turn is what the time of a pool's machine comes from, and so is the instant from which it could take tasks. Its bill
-- comes from neither: a share is never kept, but reckoned from the machine's bill and its turns as they are.
create trigger instance_costs_change after insert or update of began_at, ended_at or delete on turns
  for each row execute function forget_costs_of_row();

create function forget_costs_of_worker() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  perform forget_kept_costs(i.ledger_id)
  from instances i where i.owner_kind = 'worker' and i.owner_id = new.worker_id;
  return null;
end $$;
create trigger instance_costs_change after update of ready_at on workers
  for each row when (old.ready_at is distinct from new.ready_at) execute function forget_costs_of_worker();

-- Who pays -----------------------------------------------------------------------------------------------------------

-- How long a turn kept a machine busy while that was paid for, in microseconds.
create function busy_microseconds(
  began_at timestamptz, ended_at timestamptz, launched_at timestamptz, stopped_at timestamptz
) returns numeric language sql stable parallel safe
  return trunc(1000000 * greatest(0, extract(epoch from
    least(coalesce(ended_at, 'infinity'), coalesce(stopped_at, now())) - greatest(began_at, launched_at))));

-- Of each validation that had turns on a pool's machine, its part of what that costs. It is the part of the bill up to
-- its end less the part up to its beginning, as if all of the machine's stood in a row: so no remainder is left. As long
-- as the machine isn't gone, all its shares go on. Its bill is looked up (`offset 0`) for each: joined, the bills of all
-- instances that aren't kept would be reckoned for it. What is asked by deployment and time goes by the index above.
create view pool_shares as
select t.validation_id, v.run_id, i.ledger_id, i.deployment, i.instance_id,
       coalesce(i.launched_at, case when i.instance_id is not null then i.intent_at end) as launched_at,
       b.stopped_at, i.ended_at,
       busy.own / 1000000 as busy_seconds,
       case when b.total_usd is null then null
            when busy.whole = 0 then 0
            else round((div(b.total_usd * 1000000 * (busy.before + busy.own), busy.whole)
                  - div(b.total_usd * 1000000 * busy.before, busy.whole)) / 1000000, 6) end as usd
from turns t
join instances i on i.ledger_id = t.ledger_id and i.owner_kind = 'worker'
join repository_validations v on v.validation_id = t.validation_id
cross join lateral (
  select * from instance_bills bill where bill.ledger_id = t.ledger_id offset 0
) b
cross join lateral (
  select sum(each.busy) as whole, coalesce(sum(each.busy) filter (where each.validation_id < t.validation_id), 0) as before,
         sum(each.busy) filter (where each.validation_id = t.validation_id) as own
  from (select o.validation_id, busy_microseconds(o.began_at, o.ended_at, b.launched_at, b.stopped_at) as busy
        from turns o where o.ledger_id = t.ledger_id) each
) busy;

-- Every bill, by who pays it: a run's own instances and its validations', whole; the shares of validations in a pool's
-- machines, with the time that each was busy; and what nobody pays: a pool's machines that served nothing, and those that
-- Janitor found. It adds up to all bills. A share belongs to the day on which its machine was launched, as the bill does.
create view bills as
select ledger_id, deployment, run_id, validation_id, instance_id, launched_at, stopped_at, ended_at, billed_seconds,
       total_usd, false as is_share
from instance_bills where run_id is not null or validation_id is not null
union all
select ledger_id, deployment, run_id, validation_id, instance_id, launched_at, stopped_at, ended_at, busy_seconds,
       usd, true
from pool_shares
union all
select b.ledger_id, b.deployment, null, null, b.instance_id, b.launched_at, b.stopped_at, b.ended_at, b.billed_seconds,
       b.total_usd, false
from instance_bills b join instances i using (ledger_id)
where b.run_id is null and b.validation_id is null
  and not (i.owner_kind is not distinct from 'worker' and exists (
    select from turns t where t.ledger_id = b.ledger_id
      and busy_microseconds(t.began_at, t.ended_at, b.launched_at, b.stopped_at) > 0));

-- With what is paid by share, and by pool what its machines cost that served nothing.
create or replace view cost_by_day_and_repository as
select (b.launched_at at time zone 'UTC')::date as day, b.deployment,
       v.organization, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       count(distinct b.ledger_id) as instances, sum(b.billed_seconds) as billed_seconds,
       round(sum(b.total_usd), 4) as cost_usd,
       count(distinct b.ledger_id) filter (where b.total_usd is null) as instances_without_price,
       case when b.validation_id is null then w.pool end as pool
from bills b
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = b.validation_id
left join workers w on i.owner_kind = 'worker' and w.worker_id = i.owner_id
where b.launched_at is not null
group by 1, 2, 3, 4, 9;

-- With what of it no task pays: of machines that served nothing.
create or replace view pool_cost as
select w.deployment, w.pool, (b.launched_at at time zone 'UTC')::date as day, w.provider,
       count(*) as machines, sum(b.billed_seconds) as billed_seconds, round(sum(b.total_usd), 4) as cost_usd,
       count(*) filter (where b.total_usd is null) as machines_without_price,
       (sum(tasks.busy_seconds))::numeric(14, 3) as busy_seconds, sum(tasks.number) as tasks,
       count(*) filter (where turn.busy = 0) as unused_machines,
       round(coalesce(sum(b.total_usd) filter (where turn.busy = 0), 0), 4) as unused_usd
from workers w
join instances i on i.owner_kind = 'worker' and i.owner_id = w.worker_id
join instance_bills b on b.ledger_id = i.ledger_id
cross join lateral (
  select count(*) filter (where c.ended_as is distinct from 'queued') as number,
         coalesce(sum(extract(epoch from coalesce(c.ended_at, clock_timestamp()) - c.claimed_at)), 0) as busy_seconds
  from task_claims c where c.worker_id = w.worker_id and i.generation = 1
) tasks
cross join lateral (
  select coalesce(sum(busy_microseconds(t.began_at, t.ended_at, b.launched_at, b.stopped_at)), 0) as busy
  from turns t where t.ledger_id = b.ledger_id
) turn
where b.launched_at is not null
group by 1, 2, 3, 4;

-- With what is known of a pool's machine.
create or replace view waste as
select s.ledger_id, s.deployment, s.run_id, s.validation_id, s.instance_id, i.instance_type, i.origin,
       coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       s.launched_at, s.stopped_at, s.live, s.total_seconds, s.unexplained_seconds, s.idle_seconds,
       s.after_finish_seconds, c.unexplained_usd, c.idle_usd, c.after_finish_usd, c.total_usd,
       nullif(concat_ws('; ',
         case when i.origin = 'adopted' then 'Janitor did not launch it' end,
         case when s.unexplained_seconds <= s.overdue_seconds then null
              when i.owner_kind = 'worker' then coalesce('no report of ' || untold.names, 'it was never ready for a task')
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
         when 'idle' then 'its pool' when 'drained' then 'its pool' when 'recycled' then 'its pool'
         when 'lost_worker' then 'its pool' when 'quarantined' then 'its pool' when 'spawn_timeout' then 'its pool'
         when 'instance_lost' then 'not known' end as ended_by,
       (select string_agg(n.kind || coalesce(': ' || (n.detail ->> 'reason'), ''), '; ' order by n.noticed_at)
        from external_notices n where n.deployment = s.deployment and n.instance_id = s.instance_id) as notices,
       w.pool
from instance_seconds s
join instance_costs c using (ledger_id)
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = s.validation_id
left join workers w on i.owner_kind = 'worker' and w.worker_id = i.owner_id
left join lateral (
  select string_agg(distinct told.organization || '/' || told.repository_name, ', ') as names
  from turns t join repository_validations told on told.validation_id = t.validation_id
  where i.owner_kind = 'worker' and t.ledger_id = i.ledger_id and not exists (
    select from validation_reports r where r.validation_id = t.validation_id and r.ledger_id = t.ledger_id)
) untold on true
where s.launched_at is not null;

-- With shares. Of several machines on which a validation had turns it is the last turn's that counts.
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
        from bills b where b.validation_id = v.validation_id and b.launched_at is not null) as cost_usd,
       v.signature, f.title as signature_title,
       d.change, d.outcome, d.since_at, d.since_run_id, d.previous_at, d.previous_run_id, d.cause_changed,
       d.cause_since_at, d.cause_since_run_id, coalesce(d.flaky, false) as flaky,
       v.gpu_required, v.required_proof, v.proof_level, v.note_count,
       d.proof_level as difference_proof_level, d.previous_proof_level,
       r.purpose
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
left join lateral (
  select i.* from instances i left join turns t on t.ledger_id = i.ledger_id and t.validation_id = v.validation_id
  where i.validation_id = v.validation_id
     or i.ledger_id = any (array(select t.ledger_id from turns t where t.validation_id = v.validation_id))
  order by i.validation_id is not distinct from v.validation_id desc, t.number desc nulls last, i.generation desc limit 1
) i on true;

create or replace view run_summary as
select r.run_id, r.deployment, r.airflow_run_id, r.trigger, r.config_file_path, r.total_repositories, r.timeout_minutes,
       r.max_concurrent_instances, r.status, r.status_reason, r.started_at, r.completed_at,
       r.completed_at - r.started_at as duration,
       validations.successful, validations.finished, validations.timeout_enforced,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from bills b where b.run_id = r.run_id and b.launched_at is not null) as cost_usd,
       r.kind, r.cache, r.cache_detail, r.unexpected_errors, r.purpose
from validation_runs r
cross join lateral (
  select count(v.validation_id) filter (where v.status = 'success') as successful,
         count(v.validation_id) filter (where v.finished_at is not null) as finished,
         coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced
  from repository_validations v where v.run_id = r.run_id
) validations;

grant select on pool_shares, bills to janitor_read, janitor_write;
