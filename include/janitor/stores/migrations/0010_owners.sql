-- Whose each instance is: a validation's, a run's or a worker's. An adopted one is nobody's.

set local search_path = janitor;

alter type reap_evidence add value 'owner_over';
alter type reservation_kind rename value 'validation' to 'launch';

create type owner_kind as enum ('validation', 'run', 'worker');

-- The columns `validation_id` and `run_id` stay beside the owner: as references that Postgres checks, and for joins.
alter table instances add column owner_kind owner_kind, add column owner_id uuid;
update instances set owner_kind = 'validation', owner_id = validation_id where validation_id is not null;
alter table instances
  drop constraint instances_check3,                      -- launched: with a validation and a run
  drop constraint instances_validation_id_generation_key,
  add constraint instances_owner_whole check ((owner_kind is null) = (owner_id is null)),
  add constraint instances_owner_or_adopted check (
    origin = 'adopted' or owner_kind is not null and (owner_kind = 'worker' or run_id is not null)),
  add constraint instances_owner_referenced check (
    validation_id is not distinct from case when owner_kind = 'validation' then owner_id end
    and case owner_kind when 'run' then run_id is not distinct from owner_id
                        when 'worker' then run_id is null else true end),
  add constraint instances_once_per_generation unique (owner_kind, owner_id, generation);
drop index instances_one_live;
-- At most one live instance for an owner, whoever launches.
create unique index instances_one_live on instances (owner_kind, owner_id)
  where state not in ('terminated', 'not_launched');
create index instances_of_validation on instances (validation_id, generation);

-- An attempt stays its owner's even where its instance is nobody's any more.
alter table placement_attempts add column owner_kind owner_kind, add column owner_id uuid;
update placement_attempts set owner_kind = 'validation', owner_id = validation_id;
alter table placement_attempts
  alter column owner_kind set not null,
  alter column owner_id set not null,
  drop column validation_id;
create index placement_attempts_of_owner on placement_attempts (owner_kind, owner_id);

alter table budget_reservations add column owner_kind owner_kind, add column owner_id uuid;
update budget_reservations set owner_kind = 'validation', owner_id = validation_id where validation_id is not null;
alter table budget_reservations
  drop constraint budget_reservations_check1,            -- a launch's: with a validation
  add constraint budget_reservations_owner_whole check ((owner_kind is null) = (owner_id is null)),
  add constraint budget_reservations_subject check (
    case kind when 'launch' then owner_kind is not null else ledger_id is not null end),
  add constraint budget_reservations_owner_referenced check (
    validation_id is not distinct from case when owner_kind = 'validation' then owner_id end);
drop index budget_reservations_once;
create unique index budget_reservations_once on budget_reservations (owner_kind, owner_id) where kind = 'launch';

create or replace view live_instances as
select i.ledger_id, i.deployment, i.instance_id, i.state, i.instance_type, i.market, i.availability_zone, i.run_id,
       i.validation_id, i.origin, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       i.intent_at, i.launched_at, i.deadline_at, i.expires_at, i.keep_until, i.price_usd_hour,
       coalesce(greatest(i.expires_at, i.keep_until), i.expires_at) < now() as overdue,
       i.place, i.missing_since, i.owner_kind, i.owner_id
from instances i left join repository_validations v using (validation_id)
where i.state not in ('terminated', 'not_launched');
