-- name: lock_places(deployment)^
-- One launch decision at a time in a deployment; the lock ends with the transaction.
select pg_advisory_xact_lock(hashtextextended('janitor-places/' || :deployment, 0));

-- name: count_live(deployment)$
select count(*) from instances where deployment = :deployment and state not in ('terminated', 'not_launched');

-- name: live_of_owner(owner_kind, owner_id)^
select * from instances
where owner_kind = :owner_kind and owner_id = :owner_id and state not in ('terminated', 'not_launched');

-- name: latest_of_owner(owner_kind, owner_id)^
select * from instances where owner_kind = :owner_kind and owner_id = :owner_id order by generation desc limit 1;

-- name: insert_intent(owner_kind, owner_id, run_id, deployment, generation, client_token, tags, instance_type, market, subnet_id, launch_parameters, price_usd_hour, volume_gib, volume_usd_gib_month, intent_at, deadline_at, expires_at, place)^
insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token, tags,
                       instance_type, market, subnet_id, launch_parameters, price_usd_hour, volume_gib,
                       volume_usd_gib_month, intent_at, deadline_at, expires_at, place)
values (:owner_kind::owner_kind, :owner_id, case when :owner_kind::owner_kind = 'validation' then :owner_id end,
        :run_id, :deployment, :generation, :client_token, :tags, :instance_type, :market, :subnet_id,
        :launch_parameters, :price_usd_hour, :volume_gib, :volume_usd_gib_month, :intent_at, :deadline_at,
        :expires_at, :place)
returning *;

-- name: keep_launched(ledger_id, instance_id, availability_zone, launched_at, place)!
-- An intent that was closed meanwhile stays closed: its instance is found by tag.
update instances
set instance_id = :instance_id, availability_zone = coalesce(:availability_zone, availability_zone),
    state = case when state = 'intent' then 'pending'::instance_state else state end,
    launched_at = coalesce(launched_at, :launched_at, clock_timestamp()),
    place = coalesce(place, :place)
where ledger_id = :ledger_id and state <> 'not_launched' and (place is null or place = :place);

-- name: adopt_late(ledger_id, instance_id)!
-- The closed row stays as it is: it freed its place, and another attempt may have followed it.
insert into instances (deployment, generation, client_token, tags, instance_id, instance_type, market, subnet_id, state,
                       origin, intent_at, launched_at, deadline_at, expires_at, price_usd_hour, volume_gib,
                       volume_usd_gib_month, termination_reason, termination_detail, place)
select deployment, 1, 'adopted-' || :instance_id, tags, :instance_id, instance_type, market, subnet_id, 'pending',
       'adopted', intent_at, clock_timestamp(), deadline_at, expires_at, price_usd_hour, volume_gib,
       volume_usd_gib_month, 'launch_failed', 'it came after its intent was given up', place
from instances where ledger_id = :ledger_id
on conflict do nothing;

-- name: keep_price(ledger_id, price_usd_hour)!
update instances set price_usd_hour = :price_usd_hour where ledger_id = :ledger_id;

-- name: keep_command_start(ledger_id, started_at)!
update instances set command_started_at = coalesce(command_started_at, :started_at) where ledger_id = :ledger_id;

-- name: keep_first_sign(instance_ids)!
-- Of an instance that several validations use in turn, each turn has its own.
with turn as (
  update turns t set first_sign_at = clock_timestamp()
  from instances i
  where i.ledger_id = t.ledger_id and i.instance_id = any(:instance_ids) and t.ended_at is null
    and t.command_started_at is not null and t.first_sign_at is null
)
update instances set first_sign_at = clock_timestamp() where instance_id = any(:instance_ids) and first_sign_at is null;

-- name: keep_command_end(ledger_id, ended_at)!
-- An instance of a run or of a worker gets one command after another: the last one counts.
update instances
set command_ended_at = case when owner_kind in ('run', 'worker') then greatest(command_ended_at, :ended_at)
                            else coalesce(command_ended_at, :ended_at) end
where ledger_id = :ledger_id and command_started_at is not null;

-- name: observe_state(ledger_id, state, state_reason, inferred_reason, ended_at, place)!
-- Observations may arrive late or twice: only a change that the rules allow is kept, and what has ended is reopened by
-- `reopen` alone. Only who looks at the row's own place ends it; a row without a place is bound first.
-- An end of which not even the shutting-down was seen was where EC2 says, but not before what was seen until then.
update instances i
set state = :state::instance_state,
    state_reason = coalesce(:state_reason, i.state_reason),
    ended_at = case when :state::instance_state not in ('terminated', 'not_launched') then null
                    when i.state = 'shutting-down' or (:ended_at)::timestamptz is null then clock_timestamp()
                    else least(clock_timestamp(),
                               greatest((:ended_at)::timestamptz, (select max(c.observed_at)
                                                                   from instance_state_changes c
                                                                   where c.ledger_id = i.ledger_id))) end,
    termination_reason = case when :state::instance_state in ('terminated', 'not_launched')
                              then coalesce(i.termination_reason, :inferred_reason::termination_reason)
                              else i.termination_reason end
where i.ledger_id = :ledger_id and i.state <> :state::instance_state
  and i.state not in ('terminated', 'not_launched')
  and (i.place = :place
       or (i.place is null and :state::instance_state not in ('terminated', 'not_launched')))
  and exists (
  select from allowed_transitions t
  where t.machine = 'instance' and t.from_state = i.state::text and t.to_state = :state::instance_state::text);

-- name: intend_termination(ledger_id, termination_reason, termination_detail)!
-- The first reason is the true one; what comes after it only finds the instance ending.
update instances
set termination_reason = :termination_reason, termination_detail = :termination_detail
where ledger_id = :ledger_id and termination_reason is null;

-- name: live_of_run(run_id)
select * from instances where run_id = :run_id and state not in ('terminated', 'not_launched');

-- name: live_of_deployment(deployment)
select * from instances where deployment = :deployment and state not in ('terminated', 'not_launched');

-- name: state_changes(ledger_id)
select from_state, to_state, observed_at from instance_state_changes where ledger_id = :ledger_id order by observed_at;

-- name: generations_of_owner(owner_kind, owner_id)
select * from instances where owner_kind = :owner_kind and owner_id = :owner_id order by generation;

-- name: has_terminated_notice(instance_id)$
select exists (select from external_notices where instance_id = :instance_id and kind = 'terminated');

-- name: ledger_row(ledger_id)^
select * from instances where ledger_id = :ledger_id;

-- name: give_up(ledger_id)!
update instances set given_up_at = coalesce(given_up_at, clock_timestamp()) where ledger_id = :ledger_id;

-- name: bind_place(ledger_id, place)!
-- Somebody has seen the instance there. Writes nothing where that is known and nothing was missing.
update instances set place = :place, missing_since = null
where ledger_id = :ledger_id and (place is null or (place = :place and missing_since is not null));

-- name: live_places(deployment)
select place, count(*) as live from instances
where deployment = :deployment and place is not null and state not in ('terminated', 'not_launched')
group by place order by place;

-- name: keep_missing(ledger_id, place)$
-- The first look that misses it counts; true where this is the first.
update instances i set missing_since = coalesce(i.missing_since, clock_timestamp())
from (select ledger_id, missing_since from instances where ledger_id = :ledger_id for update) before
where i.ledger_id = before.ledger_id and i.place = :place and i.state not in ('terminated', 'not_launched')
returning before.missing_since is null;

-- name: missing_of_place(deployment, place)^
-- How many of the live rows with an instance are missing.
select count(*) filter (where missing_since is not null) as missing, count(*) as live from instances
where deployment = :deployment and place = :place and instance_id is not null
  and state not in ('terminated', 'not_launched');

-- name: states_of(instance_ids)
select instance_id, state from instances where instance_id = any(:instance_ids);

-- name: live_of_instances(instance_ids)
select * from instances where instance_id = any(:instance_ids) and state not in ('terminated', 'not_launched');

-- name: row_of_instance(deployment, instance_id)^
select * from instances where deployment = :deployment and instance_id = :instance_id;

-- name: works_for_open_validation(ledger_id)$
select exists (select from instances i left join turns t on t.ledger_id = i.ledger_id and t.ended_at is null
               join repository_validations v on v.validation_id = coalesce(i.validation_id, t.validation_id)
               where i.ledger_id = :ledger_id and v.finished_at is null and i.given_up_at is null);

-- name: reopen(ledger_id, state, place)^
-- With its owner, unless that has gone on with another instance: then it is adopted, as an owner has one live instance
-- at most.
update instances i
set state = :state::instance_state, ended_at = null, termination_reason = null, termination_detail = null,
    state_reason = null, missing_since = null, place = :place,
    owner_kind = case when later.follows then null else i.owner_kind end,
    owner_id = case when later.follows then null else i.owner_id end,
    validation_id = case when later.follows then null else i.validation_id end,
    origin = case when later.follows then 'adopted' else i.origin end
from (select exists (select from instances one join instances other using (owner_kind, owner_id)
                     where one.ledger_id = :ledger_id and other.generation > one.generation) as follows) later
where i.ledger_id = :ledger_id and i.state = 'terminated' and (i.place is null or i.place = :place)
returning i.*;

-- name: reopen_reservations(ledger_id)!
-- What was settled while its row was ended is settled anew when it has really ended.
update budget_reservations b set released_at = null, spent_usd = null
from instances i
where i.ledger_id = :ledger_id and b.released_at is not null
  and (b.ledger_id = i.ledger_id
       or (b.kind = 'launch' and b.owner_kind = i.owner_kind and b.owner_id = i.owner_id));

-- name: abandon_place(deployment, place)
-- Bound to nothing then: what can still be said of their validations may be said from anywhere.
update instances
set state = case when state = 'intent' then 'not_launched'::instance_state else 'terminated' end,
    ended_at = clock_timestamp(), place = null, missing_since = null,
    termination_reason = coalesce(termination_reason, 'instance_lost'),
    termination_detail = coalesce(termination_detail || '; ', '')
                         || 'a person said that nothing is left in ' || (:place)::text
where deployment = :deployment and place = :place and state not in ('terminated', 'not_launched')
returning coalesce(instance_id, 'intent ' || left(client_token, 12)) as name;

-- name: unbind_unfinished(deployment, place)!
update instances i set place = null
from repository_validations v
where i.deployment = :deployment and i.place = :place and i.state in ('terminated', 'not_launched')
  and v.finished_at is null
  and (v.validation_id = i.validation_id
       or exists (select from turns t where t.validation_id = v.validation_id and t.ledger_id = i.ledger_id));
