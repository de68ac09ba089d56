-- Pictures of how a repository stands, for its README: which repositories have one, and what the last one says.

set local search_path = janitor;

-- Whether the run's configuration publishes them.
alter table validation_runs add column badges boolean not null default false;

create table published_badges (
  deployment      text not null,
  organization    text not null,
  repository_name text not null,
  message         text not null,
  published_at    timestamptz not null default clock_timestamp(),
  primary key (deployment, organization, repository_name)
);

grant select on published_badges to janitor_read, janitor_write;
grant insert, update on published_badges to janitor_write;
