-- What the pages and the morning's messages read must not grow with a table's age: what an instance cost is written once
-- when it has ended, a repository's health is read from its last reports, and what a report is about stands in columns.

set local search_path = janitor;

-- Costs --------------------------------------------------------------------------------------------------------------

-- From here on the rules of 0004 reckon one instance, under other names; who wants to know asks the views below, which
-- have what was kept, and reckon the rest.
alter view instance_bills rename to reckoned_bills;
alter view instance_seconds rename to reckoned_seconds;
alter view instance_costs rename to reckoned_costs;

-- As before. `offset 0`: else the instants are worked out anew wherever they are used, two dozen times, and planning a
-- question takes thirty times as long as its answer.
create or replace view reckoned_bills as
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
  offset 0
) at
cross join lateral (
  select greatest(60, ceil(extract(epoch from coalesce(at.stopped_at, now()) - at.launched_at))) as billed,
         greatest(60, extract(epoch from coalesce(i.ended_at, now()) - at.launched_at)) as volume
) seconds;

-- Whether `instance_cost_facts` holds what it cost. What was kept is dropped as soon as anything changes that it was
-- reckoned from, such as a report that comes late.
alter table instances add column costs_kept boolean not null default false;
create index instances_costs_not_kept on instances (deployment, launched_at) where not costs_kept;
create index instances_costs_not_kept_of_run on instances (run_id) where not costs_kept;
create index instances_costs_not_kept_of_validation on instances (validation_id) where not costs_kept;

create table instance_cost_facts (
  ledger_id            bigint primary key references instances on delete cascade,
  -- Whose it is, as its row says: so that no question has to read both.
  deployment           text not null,
  run_id               uuid,
  validation_id        uuid,
  instance_id          varchar(50),
  launched_at          timestamptz,
  stopped_at           timestamptz,
  ended_at             timestamptz not null,
  has_report           boolean not null,
  billed_seconds       numeric not null,
  total_seconds        numeric not null,
  boot_seconds         numeric not null,
  build_seconds        numeric not null,
  test_seconds         numeric not null,
  idle_seconds         numeric not null,
  after_finish_seconds numeric not null,
  kept_seconds         numeric not null,
  in_progress_seconds  numeric not null,
  unexplained_seconds  numeric not null,
  overdue_seconds      numeric not null,
  boot_usd             numeric(14, 6),
  build_usd            numeric(14, 6),
  test_usd             numeric(14, 6),
  idle_usd             numeric(14, 6),
  after_finish_usd     numeric(14, 6),
  kept_usd             numeric(14, 6),
  in_progress_usd      numeric(14, 6),
  unexplained_usd      numeric(14, 6),
  total_usd            numeric(14, 6),
  kept_at              timestamptz not null default clock_timestamp()
);
create index instance_cost_facts_of_run on instance_cost_facts (run_id);
create index instance_cost_facts_of_validation on instance_cost_facts (validation_id);
create index instance_cost_facts_by_time on instance_cost_facts (deployment, launched_at);
grant select on instance_cost_facts to janitor_read, janitor_write;
grant insert, delete on instance_cost_facts to janitor_write;

create function drop_kept_costs() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  if not new.costs_kept
     or (new.deployment, new.run_id, new.validation_id, new.launched_at, new.intent_at, new.instance_id,
         new.state, new.ended_at, new.price_usd_hour, new.volume_gib, new.volume_usd_gib_month, new.expires_at,
         new.origin, new.command_started_at, new.command_ended_at, new.termination_reason)
        is distinct from
        (old.deployment, old.run_id, old.validation_id, old.launched_at, old.intent_at, old.instance_id,
         old.state, old.ended_at, old.price_usd_hour, old.volume_gib, old.volume_usd_gib_month, old.expires_at,
         old.origin, old.command_started_at, old.command_ended_at, old.termination_reason) then
    new.costs_kept := false;
    delete from instance_cost_facts where ledger_id = old.ledger_id;
  end if;
  return new;
end $$;
create trigger instance_costs_change before update on instances
  for each row when (old.costs_kept) execute function drop_kept_costs();

-- The share lock holds off whoever keeps costs, who locks the row for itself and reads what they come from after that:
-- so that nothing is kept without what is being written here.
create function forget_kept_costs(id bigint) returns void language plpgsql
  set search_path = janitor as $$
declare
  kept boolean;
begin
  select costs_kept into kept from instances where ledger_id = id for key share;
  if kept then
    update instances set costs_kept = false where ledger_id = id;
  end if;
end $$;

-- Of a lease, a report, or a sight of the instance.
create function forget_costs_of_row() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  if tg_op <> 'INSERT' then
    perform forget_kept_costs(old.ledger_id);
  end if;
  if tg_op <> 'DELETE' then
    perform forget_kept_costs(new.ledger_id);
  end if;
  return null;
end $$;
create trigger instance_costs_change after insert or update or delete on keep_leases
  for each row execute function forget_costs_of_row();
create trigger instance_costs_change after insert or update of ledger_id or delete on validation_reports
  for each row execute function forget_costs_of_row();
create trigger instance_costs_change after insert or delete on instance_state_changes
  for each row execute function forget_costs_of_row();

create function forget_costs_of_checks() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  perform forget_kept_costs(r.ledger_id)
  from validation_reports r where r.validation_id in (select validation_id from changed) and r.ledger_id is not null;
  return null;
end $$;
create trigger instance_costs_change after insert on checks
  referencing new table as changed for each statement execute function forget_costs_of_checks();

create view instance_bills as
select ledger_id, deployment, run_id, validation_id, instance_id, launched_at, stopped_at, ended_at, billed_seconds,
       total_usd
from instance_cost_facts
union all
select b.ledger_id, i.deployment, i.run_id, i.validation_id, i.instance_id, b.launched_at, b.stopped_at, i.ended_at,
       b.billed_seconds, b.total_usd
from instances i join reckoned_bills b using (ledger_id)
where not i.costs_kept;

create view instance_seconds as
select f.ledger_id, f.deployment, f.run_id, f.validation_id, f.instance_id, f.launched_at, f.stopped_at,
       false as live, f.has_report,
       f.total_seconds, f.boot_seconds, f.build_seconds, f.test_seconds, f.idle_seconds, f.after_finish_seconds,
       f.kept_seconds, f.in_progress_seconds, f.unexplained_seconds, f.overdue_seconds
from instance_cost_facts f
union all
select b.ledger_id, i.deployment, i.run_id, i.validation_id, i.instance_id, b.launched_at, b.stopped_at,
       b.live, b.has_report,
       b.total_seconds, b.boot_seconds, b.build_seconds, b.test_seconds, b.idle_seconds, b.after_finish_seconds,
       b.kept_seconds, b.in_progress_seconds, b.unexplained_seconds, b.overdue_seconds
from instances i join reckoned_seconds b using (ledger_id)
where not i.costs_kept;

create view instance_costs as
select f.ledger_id, f.deployment, f.run_id, f.validation_id, f.instance_id, f.launched_at, f.stopped_at,
       f.boot_usd, f.build_usd, f.test_usd, f.idle_usd, f.after_finish_usd, f.kept_usd, f.in_progress_usd,
       f.unexplained_usd, f.total_usd
from instance_cost_facts f
union all
select b.ledger_id, i.deployment, i.run_id, i.validation_id, i.instance_id, b.launched_at, b.stopped_at,
       b.boot_usd, b.build_usd, b.test_usd, b.idle_usd, b.after_finish_usd, b.kept_usd, b.in_progress_usd,
       b.unexplained_usd, b.total_usd
from instances i join reckoned_costs b using (ledger_id)
where not i.costs_kept;

-- As before, on the views that have what was kept.
create or replace view cost_by_day_and_repository as
select (b.launched_at at time zone 'UTC')::date as day, b.deployment,
       v.organization, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       count(*) as instances, sum(b.billed_seconds) as billed_seconds, round(sum(b.total_usd), 4) as cost_usd,
       count(*) filter (where b.total_usd is null) as instances_without_price
from instance_bills b
join instances i using (ledger_id)
left join repository_validations v on v.validation_id = b.validation_id
where b.launched_at is not null
group by 1, 2, 3, 4;

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

create or replace view validation_phases as
select r.validation_id, p.key as phase, p.position, p.value::numeric as seconds,
       round(c.total_usd * p.value::numeric / nullif(s.total_seconds, 0), 6) as instance_usd,
       (r.report -> 'phase_usd' ->> p.key)::numeric as other_usd,
       case when c.total_usd is not null and s.total_seconds > 0 or (r.report -> 'phase_usd') ? p.key
            then round(coalesce(c.total_usd * p.value::numeric / nullif(s.total_seconds, 0), 0)
                       + coalesce((r.report -> 'phase_usd' ->> p.key)::numeric, 0), 6) end as usd
from validation_reports r
cross join lateral (
  -- jsonb doesn't keep the order: that of the pipeline first, then any other by name.
  select e.key, e.value,
         row_number() over (order by coalesce(array_position(array['checkout', 'static', 'network', 'build', 'test',
                                                                   'agent'], e.key), 99), e.key) as position
  from jsonb_each_text(case when jsonb_typeof(r.report -> 'phases') = 'object' then r.report -> 'phases'
                            else '{}' end) e
) p
left join instance_seconds s on s.ledger_id = r.ledger_id
left join instance_costs c on c.ledger_id = r.ledger_id;

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
        from instance_bills b where b.validation_id = v.validation_id and b.launched_at is not null) as cost_usd,
       v.signature, f.title as signature_title,
       d.change, d.outcome, d.since_at, d.since_run_id, d.previous_at, d.previous_run_id, d.cause_changed,
       d.cause_since_at, d.cause_since_run_id, coalesce(d.flaky, false) as flaky,
       v.gpu_required, v.required_proof, v.proof_level, v.note_count,
       d.proof_level as difference_proof_level, d.previous_proof_level
from repository_validations v
join validation_runs r using (run_id)
left join failure_signatures f on f.signature = v.signature
left join report_differences d on d.validation_id = v.validation_id
left join lateral (
  select * from instances i
  where i.validation_id = v.validation_id
     or i.ledger_id = any (array(select t.ledger_id from turns t where t.validation_id = v.validation_id))
  order by generation desc limit 1
) i on true;

-- Each run by itself, so that the last sixty cost sixty, however many there were before.
create or replace view run_summary as
select r.run_id, r.deployment, r.airflow_run_id, r.trigger, r.config_file_path, r.total_repositories, r.timeout_minutes,
       r.max_concurrent_instances, r.status, r.status_reason, r.started_at, r.completed_at,
       r.completed_at - r.started_at as duration,
       validations.successful, validations.finished, validations.timeout_enforced,
       (select case when bool_and(b.total_usd is not null) then round(sum(b.total_usd), 4) end
        from instance_bills b where b.run_id = r.run_id and b.launched_at is not null) as cost_usd,
       r.kind, r.cache, r.cache_detail, r.unexpected_errors
from validation_runs r
cross join lateral (
  select count(v.validation_id) filter (where v.status = 'success') as successful,
         count(v.validation_id) filter (where v.finished_at is not null) as finished,
         coalesce(bool_or(v.timeout_enforced), false) as timeout_enforced
  from repository_validations v where v.run_id = r.run_id
) validations;

create index validation_runs_of_deployment on validation_runs (deployment, started_at desc);
create index instances_of_deployment on instances (deployment, launched_at);

-- Health -------------------------------------------------------------------------------------------------------------

create index repository_validations_successes on repository_validations (organization, repository_name, finished_at desc)
  where status = 'success';

-- Every repository that ever had an end has a standing; those of before standings were kept get an empty one, which is
-- filled from the rows when its next validation ends.
insert into repository_standings (deployment, organization, repository_name)
  select distinct r.deployment, v.organization, v.repository_name
  from repository_validations v join validation_runs r using (run_id) where v.finished_at is not null
  on conflict do nothing;

-- The last ten validations of a repository that say something about the repository itself: cancelled ones don't.
drop view repository_health;
create view repository_health as
select s.deployment, s.organization, s.repository_name, recent.validations, recent.successes, recent.flaky_rate,
       recent.last_status, recent.last_finished_at, red.not_successful_since, recent.last_proof_level
from repository_standings s
cross join lateral (
  select count(*) as validations,
         count(*) filter (where status = 'success') as successes,
         -- Flaky: how often the verdict turned over, out of the times that it could have; a level that isn't known is none.
         round(count(*) filter (where could_turn and (status = 'success') <> (previous_status = 'success'))::numeric
               / nullif(count(*) filter (where could_turn), 0), 3) as flaky_rate,
         max(status::text) filter (where recency = 1) as last_status,
         max(finished_at) as last_finished_at,
         max(proof_level) filter (where recency = 1) as last_proof_level
  from (
    select status, proof_level, finished_at, recency, previous_status,
           previous_status is not null and coalesce(proof_level = previous_level, true) as could_turn
    from (
      select status, proof_level, finished_at, row_number() over newest as recency,
             lead(status) over newest as previous_status, lead(proof_level) over newest as previous_level
      from (
        select v.status, v.proof_level, v.finished_at
        from repository_validations v join validation_runs r using (run_id)
        where v.organization = s.organization and v.repository_name = s.repository_name
          and r.deployment = s.deployment and v.finished_at is not null and v.status <> 'cancelled'
        order by v.finished_at desc limit 11
      ) last_eleven window newest as (order by finished_at desc)
    ) told
  ) compared
  where recency <= 10
) recent
left join lateral (
  select v.finished_at as not_successful_since
  from repository_validations v join validation_runs r using (run_id)
  where v.organization = s.organization and v.repository_name = s.repository_name and r.deployment = s.deployment
    and v.status not in ('success', 'cancelled')
    and v.finished_at > coalesce((
      select w.finished_at from repository_validations w join validation_runs q on q.run_id = w.run_id
      where w.organization = s.organization and w.repository_name = s.repository_name
        and q.deployment = s.deployment and w.status = 'success'
      order by w.finished_at desc limit 1), '-infinity')
  order by v.finished_at limit 1
) red on true
where recent.validations > 0;

-- Provenance ---------------------------------------------------------------------------------------------------------

-- What a report is about, for whoever asks in SQL or compares a fleet; its texts come from the repository. It is written
-- with the report, whoever writes that, from the report's `provenance` and `host`; a report of before has none of it.
create table validation_provenance (
  validation_id    uuid primary key references repository_validations on delete cascade,
  commit_author    text,
  commit_subject   text,
  committed_at     timestamptz,
  python_version   text,
  packages         jsonb,  -- version by name
  gpu_names        text[] not null default '{}',
  driver_version   text,
  cuda_version     text,
  instance_type    text,
  machine_image_id text
);
create table validation_base_images (
  validation_id uuid not null references validation_provenance on delete cascade,
  position      integer not null check (position >= 1),
  reference     text not null,
  stage         text,
  digest        text,
  primary key (validation_id, position)
);
create index validation_base_images_of_digest on validation_base_images (digest) where digest is not null;
grant select on validation_provenance, validation_base_images to janitor_read, janitor_write;
grant insert, update, delete on validation_provenance, validation_base_images to janitor_write;

create function elements_of(document jsonb) returns setof jsonb language sql immutable parallel safe
  return jsonb_array_elements(case when jsonb_typeof(document) = 'array' then document else '[]' end);

create function write_provenance(id uuid, report jsonb) returns void language plpgsql
  set search_path = janitor as $$
begin
  delete from validation_provenance where validation_id = id;
  insert into validation_provenance values (
    id,
    report #>> '{provenance,commit,author}',
    report #>> '{provenance,commit,subject}',
    (report #>> '{provenance,commit,committed_at}')::timestamptz,
    report #>> '{provenance,packages,python}',
    report #> '{provenance,packages,versions}',
    array(select element #>> '{}' from elements_of(report #> '{host,gpu_names}') element),
    report #>> '{host,driver_version}',
    report #>> '{host,cuda_version}',
    report #>> '{provenance,machine,instance_type}',
    report #>> '{provenance,machine,image_id}');
  insert into validation_base_images
    select id, image.position, image.element ->> 'reference', image.element ->> 'stage', image.element ->> 'digest'
    from elements_of(report #> '{provenance,base_images}') with ordinality as image (element, position);
end $$;

create function keep_provenance() returns trigger language plpgsql
  set search_path = janitor as $$
begin
  perform write_provenance(new.validation_id, new.report);
  return null;
end $$;
create trigger report_provenance after insert or update of report on validation_reports
  for each row execute function keep_provenance();

select write_provenance(validation_id, report) from validation_reports;

-- Killers ------------------------------------------------------------------------------------------------------------

-- What the reaper's last pass saw: that there was one, and whether EC2 and the ledger held the same instances alive.
create table reaper_passes (
  deployment        text primary key,
  passed_at         timestamptz not null default clock_timestamp(),
  in_ec2            integer check (in_ec2 >= 0),  -- null: EC2 could not be asked
  unknown_to_ledger integer not null check (unknown_to_ledger >= 0),
  missing_in_ec2    integer not null check (missing_in_ec2 >= 0)
);
grant select on reaper_passes to janitor_read, janitor_write;
grant insert, update on reaper_passes to janitor_write;

grant select on instance_bills, instance_seconds, instance_costs, repository_health to janitor_read, janitor_write;
