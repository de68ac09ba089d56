-- Where each instance is, so that nobody ends a row who looks elsewhere; and what EC2 doesn't show though it should.

set local search_path = janitor;

alter type reaper_action add value 'missing';
alter type reaper_action add value 'vanished';
alter type reaper_action add value 'reopened';
alter type reaper_action add value 'place_abandoned';

-- Rows of before have no place: the first who sees their instance binds them.
alter table instances
  add column place text check (place like '%/%/%'),       -- cloud/account/region
  add column missing_since timestamptz;

-- A row is reopened where EC2 shows its instance alive.
insert into allowed_transitions
  select 'instance', 'terminated', t from unnest(array['pending', 'running', 'stopping', 'stopped']) t;

create or replace view live_instances as
select i.ledger_id, i.deployment, i.instance_id, i.state, i.instance_type, i.market, i.availability_zone, i.run_id,
       i.validation_id, i.origin, coalesce(v.repository_name, i.tags ->> 'janitor:repository') as repository_name,
       i.intent_at, i.launched_at, i.deadline_at, i.expires_at, i.keep_until, i.price_usd_hour,
       coalesce(greatest(i.expires_at, i.keep_until), i.expires_at) < now() as overdue,
       i.place, i.missing_since
from instances i left join repository_validations v using (validation_id)
where i.state not in ('terminated', 'not_launched');
