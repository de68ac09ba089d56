-- What of the killers' word outside Airflow a pass of the reaper found in S3 and could not take; null: S3 could not be
-- asked.

set local search_path = janitor;

alter table reaper_passes add column untaken_notices integer default 0 check (untaken_notices >= 0);
