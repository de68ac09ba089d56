-- Pull requests that offer repairs: written before one is opened, so that none is opened twice, too many on a day, or
-- again after a person said no.

set local search_path = janitor;

create table repair_pulls (
  deployment  text not null check (length(deployment) between 1 and 100),
  -- `organization/name` on GitHub, in which it is.
  repository  text not null check (length(repository) between 3 and 500),
  signature   text not null check (length(signature) between 1 and 100),
  asked_at    timestamptz not null default clock_timestamp(),
  -- Once GitHub has said it.
  url         text check (length(url) between 1 and 2000),
  -- A person closed it: never again for this cause.
  rejected_at timestamptz,
  primary key (deployment, repository, signature)
);
create index repair_pulls_of_a_day on repair_pulls (deployment, asked_at);

grant select on repair_pulls to janitor_read, janitor_write;
grant insert, delete, update (asked_at, url, rejected_at) on repair_pulls to janitor_write;
