-- When a message was tried for the first time: giving up counts from there, not from when it was written.

set local search_path = janitor;

alter table news_deliveries add column first_tried_at timestamptz;
update news_deliveries set first_tried_at = created_at where attempts > 0;
