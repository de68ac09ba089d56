-- name: open_news(deployment, event, dedupe_key, run_id, routes, facts)$
-- What stands already is seen once more. Without routes of its own it has its run's, or those of the last run that had any.
insert into news (deployment, event, dedupe_key, run_id, routes, facts)
values (:deployment, :event::news_event, :dedupe_key, :run_id,
        coalesce(:routes::jsonb,
                 case when :run_id::uuid is not null
                      then (select news_routes from validation_runs where run_id = :run_id)
                      else (select news_routes from validation_runs
                            where deployment = :deployment and news_routes is not null and purpose = 'fleet'
                            order by started_at desc limit 1) end),
        :facts)
on conflict (deployment, event, dedupe_key) where closed_at is null
do update set last_seen_at = clock_timestamp(), occurrences = news.occurrences + 1
returning news_id;

-- name: end_news(deployment, event, dedupe_key)!
update news set over_at = clock_timestamp()
where deployment = :deployment and event = :event::news_event and dedupe_key = :dedupe_key
  and closed_at is null and over_at is null;

-- name: standing_news_of(deployment, organization, repository_name)^
select news_id, validation_id, signature, title, joined_at from news_repositories
where deployment = :deployment and organization = :organization and repository_name = :repository_name
  and left_at is null;

-- name: join_news(news_id, validation_id, deployment, organization, repository_name, signature, title, run_id)!
insert into news_repositories (news_id, validation_id, deployment, organization, repository_name, signature, title,
                               joined_run_id)
values (:news_id, :validation_id, :deployment, :organization, :repository_name, :signature, :title, :run_id)
on conflict do nothing;

-- name: join_as_fixed(news_id, validation_id, deployment, organization, repository_name, title, run_id)!
insert into news_repositories (news_id, validation_id, deployment, organization, repository_name, title, joined_run_id,
                               left_validation_id, left_run_id, left_at)
values (:news_id, :validation_id, :deployment, :organization, :repository_name, :title, :run_id, :validation_id,
        :run_id, clock_timestamp())
on conflict do nothing;

-- name: leave_news(deployment, organization, repository_name, validation_id, run_id)!
update news_repositories
set left_validation_id = :validation_id, left_run_id = :run_id, left_at = clock_timestamp()
where deployment = :deployment and organization = :organization and repository_name = :repository_name
  and left_at is null;

-- name: tell_again(news_id, validation_id, run_id)!
-- As if it joined now, at the end of the run that found that it is known no more.
update news_repositories set joined_told = false, joined_at = clock_timestamp(), joined_run_id = :run_id
where news_id = :news_id and validation_id = :validation_id and left_at is null;

-- name: name_cause(news_id, validation_id, signature, title)!
update news_repositories set signature = :signature, title = :title
where news_id = :news_id and validation_id = :validation_id;

-- name: hand_over_news(news_id, run_id)$
-- What nobody was told, as its run's configuration names nobody, is told by the run that finds it again and names somebody.
with handed as (
  update news n set routes = r.news_routes, run_id = r.run_id, released_at = null
  from validation_runs r
  where n.news_id = :news_id and n.routes is null and r.run_id = :run_id and r.news_routes is not null
  returning n.news_id
), untold as (
  update news_repositories m set joined_told = false from handed
  where m.news_id = handed.news_id and m.left_at is null
  returning m.news_id
)
select count(*) from untold;

-- name: inconclusive_in_a_row(deployment, organization, repository_name, count)$
-- How many of the last ones that came to an end say nothing; those that somebody stopped don't count.
select count(*) filter (where change = 'inconclusive') from (
  select d.change
  from repository_validations v join validation_runs r using (run_id) join report_differences d using (validation_id)
  where v.organization = :organization and v.repository_name = :repository_name and r.deployment = :deployment
    and v.finished_at is not null and v.status <> 'cancelled'
  order by v.finished_at desc limit :count) last;

-- name: last_run_began(deployment)$
select started_at from validation_runs where deployment = :deployment and purpose = 'fleet'
order by started_at desc limit 1;

-- name: lock_news(deployment)
select pg_advisory_xact_lock(hashtextextended('janitor-news/' || :deployment, 0));

-- name: end_news_by_itself(deployment)!
-- A leak is over with its instance, a refusal with its day.
update news n set over_at = clock_timestamp()
where n.deployment = :deployment and n.closed_at is null and n.over_at is null
  and (n.event = 'leak_found' and exists (select from instances i
                                          where i.instance_id = n.dedupe_key and i.ended_at is not null)
       or n.event = 'budget_refused' and n.dedupe_key < to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD'));

-- name: news_to_tell(deployment)
-- Of which something is to be told, held until the transaction ends. What belongs to a run waits for its end, so that
-- one message can tell of all that it broke.
select n.* from news n
where n.deployment = :deployment and n.closed_at is null
  and (n.over_at is not null
       or n.released_at is null
          and not exists (select from validation_runs r where r.run_id = n.run_id and r.completed_at is null)
       or n.released_at is not null and exists (
            select from news_repositories m
            where m.news_id = n.news_id
              and (not m.joined_told
                   and not exists (select from validation_runs r where r.run_id = m.joined_run_id and r.completed_at is null)
                   or m.left_at is not null and not m.left_told
                   and not exists (select from validation_runs r where r.run_id = m.left_run_id and r.completed_at is null))))
order by n.news_id
for update of n;

-- name: repositories_of_news(news_ids)
select m.*, m.organization || '/' || m.repository_name as repository, v.url, v.log_stream,
       m.joined_run_id <> v.run_id as comes_back,
       broken.commit_sha as first_bad, broken.finished_at as first_bad_at,
       good.commit_sha as last_good, good.finished_at as last_good_at, fixed.commit_sha as fixed_by,
       not exists (select from validation_runs r
                   where r.run_id = m.joined_run_id and r.completed_at is null) as joined_run_over,
       m.left_run_id is not null and not exists (
         select from validation_runs r where r.run_id = m.left_run_id and r.completed_at is null) as left_run_over,
       (select sum(cost.usd)
        from repository_validations w join validation_runs q on q.run_id = w.run_id
        cross join lateral (select sum(b.total_usd) as usd from bills b where b.validation_id = w.validation_id) cost
        where w.organization = m.organization and w.repository_name = m.repository_name
          and q.deployment = m.deployment and q.purpose = 'fleet' and w.finished_at >= broken.finished_at
          and w.finished_at <= coalesce(m.left_at, 'infinity')) as cost_usd
from news_repositories m
join repository_validations v using (validation_id)
left join report_differences d using (validation_id)
left join repository_validations broken on broken.validation_id = coalesce(d.since_validation_id, m.validation_id)
left join repository_validations fixed on fixed.validation_id = m.left_validation_id
left join lateral (
  select w.commit_sha, w.finished_at
  from repository_validations w join validation_runs q on q.run_id = w.run_id
  where w.organization = m.organization and w.repository_name = m.repository_name and q.deployment = m.deployment
    and q.purpose = 'fleet' and w.status = 'success' and w.finished_at < broken.finished_at
  order by w.finished_at desc limit 1
) good on true
where m.news_id = any(:news_ids)
order by m.news_id, m.organization, m.repository_name, m.joined_at;

-- name: common_base_image(validation_ids)^
-- The base image that most of them were built on, and of how many.
select b.reference, b.digest, count(distinct b.validation_id) as validations
from validation_base_images b where b.validation_id = any(:validation_ids)
group by 1, 2 order by 3 desc, 1 limit 1;

-- name: mark_told(news_id, joined, departed)!
update news_repositories
set joined_told = joined_told or validation_id = any((:joined)::uuid[]),
    left_told = left_told or left_at is not null and validation_id = any((:departed)::uuid[])
where news_id = :news_id;

-- name: release_news(news_id)!
update news set released_at = coalesce(released_at, clock_timestamp()) where news_id = :news_id;

-- name: close_news(news_id)!
update news set released_at = coalesce(released_at, clock_timestamp()), closed_at = clock_timestamp()
where news_id = :news_id;

-- name: move_repositories(news_id, from_news_ids)!
update news_repositories set news_id = :news_id where news_id = any(:from_news_ids);

-- name: addresses_of(news_id)
-- Where it was told first.
select channel, address - 'left_to' as address from news_deliveries where news_id = :news_id and kind = 'open' order by delivery_id;

-- name: insert_delivery(news_id, channel, kind, address, message)!
insert into news_deliveries (news_id, channel, kind, number, address, message)
select :news_id, :channel::news_channel, :kind::delivery_kind,
       case when :kind = 'update' then 1 + count(*) else 1 end, :address, :message
from news_deliveries where news_id = :news_id and channel = :channel::news_channel and kind = :kind::delivery_kind
on conflict do nothing;

-- name: due_channels(deployment)
select distinct w.channel from news_deliveries w join news n using (news_id)
where n.deployment = :deployment and w.delivered_at is null and w.given_up_at is null
  and w.due_at <= clock_timestamp() and coalesce(w.claimed_until, '-infinity') <= clock_timestamp()
order by 1;

-- name: claim_delivery(deployment, channel, lease)^
-- The next one that is due, for this sender alone until its lease is over. Nothing overtakes what its news said before.
update news_deliveries d
set claimed_until = clock_timestamp() + :lease, attempts = d.attempts + 1,
    first_tried_at = coalesce(d.first_tried_at, clock_timestamp())
from (
  select w.delivery_id, n.event, n.dedupe_key from news_deliveries w join news n using (news_id)
  where n.deployment = :deployment and w.delivered_at is null and w.given_up_at is null
    and w.due_at <= clock_timestamp() and coalesce(w.claimed_until, '-infinity') <= clock_timestamp()
    and w.channel = :channel::news_channel
    and not exists (select from news_deliveries e
                    where e.news_id = w.news_id and e.channel = w.channel and e.delivery_id < w.delivery_id
                      and e.delivered_at is null and e.given_up_at is null and not jsonb_exists(e.address, 'left_to'))
  order by w.delivery_id limit 1
  for update of w skip locked
) next
where d.delivery_id = next.delivery_id
returning d.delivery_id, d.news_id, d.channel, d.kind, d.number, d.address, d.message, d.created_at, d.attempts,
          next.event, next.dedupe_key,
          (select o.external_ref from news_deliveries o
           where o.news_id = d.news_id and o.channel = d.channel and o.kind = 'open') as thread_ref;

-- name: keep_delivered(delivery_id, external_ref)!
update news_deliveries
set delivered_at = clock_timestamp(), claimed_until = null, last_error = null, external_ref = :external_ref
where delivery_id = :delivery_id and delivered_at is null;

-- name: keep_partly_delivered(delivery_id, external_ref, left_to)!
update news_deliveries
set address = address || jsonb_build_object('left_to', :left_to::jsonb), external_ref = :external_ref
where delivery_id = :delivery_id and delivered_at is null;

-- name: keep_not_delivered(delivery_id, error, wait, give_up_after, fewest_tries)!
-- Tried again later, or given up where that has gone on for too long: since the first try, as nobody sent it before.
update news_deliveries
set claimed_until = null, last_error = :error, due_at = clock_timestamp() + :wait,
    given_up_at = case when clock_timestamp() - first_tried_at > :give_up_after and attempts >= :fewest_tries
                        then clock_timestamp() end
where delivery_id = :delivery_id and delivered_at is null;

-- name: take_up_again(deployment)!
-- What was given up waits anew as if nobody had tried it; not what somebody was told the end of.
update news_deliveries d set given_up_at = null, first_tried_at = null, due_at = clock_timestamp(), claimed_until = null
from news n
where n.news_id = d.news_id and n.deployment = :deployment and d.given_up_at is not null
  and not exists (select from news_deliveries e
                  where e.news_id = d.news_id and e.channel = d.channel and e.kind = 'close' and e.delivered_at is not null);

-- name: waiting_deliveries(deployment)
-- With what was given up and is tried again by hand.
select d.delivery_id, d.news_id, d.channel, d.kind, d.number, d.address, d.message, d.created_at, d.due_at, d.attempts,
       d.last_error, n.event, n.dedupe_key, null::text as thread_ref, d.given_up_at is not null as is_given_up
from news_deliveries d join news n using (news_id)
where n.deployment = :deployment and d.delivered_at is null
  and (d.given_up_at is null
       or not exists (select from news_deliveries e where e.news_id = d.news_id and e.channel = d.channel
                      and e.kind = 'close' and e.delivered_at is not null))
order by d.delivery_id;

-- name: undelivered_routes(deployment)
select distinct d.channel, d.address - 'left_to' as address
from news_deliveries d join news n using (news_id)
where n.deployment = :deployment and d.delivered_at is null
order by 1, 2;

-- name: untold_by_channel(deployment, since)
-- Channels with something undelivered. Dead is what was tried again and again, has waited for long, or was given up.
select d.channel, count(*) as undelivered, min(d.created_at) as since,
       count(*) filter (where d.given_up_at is not null or d.attempts >= 3
                              or d.created_at < clock_timestamp() - interval '30 minutes') as messages,
       count(*) filter (where d.given_up_at is not null) as given_up,
       (array_agg(d.last_error order by d.due_at desc) filter (where d.last_error is not null))[1] as last_error
from news_deliveries d join news n using (news_id)
where n.deployment = :deployment and d.delivered_at is null and (
  d.given_up_at is null
  or d.given_up_at >= :since
     and not exists (select from news_deliveries e where e.news_id = d.news_id and e.channel = d.channel
                     and e.kind = 'close' and e.delivered_at is not null))
group by 1 order by 1;
