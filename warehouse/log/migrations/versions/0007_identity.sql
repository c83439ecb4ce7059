-- What identity needs beside the log. Secrets are no facts: keys and letters lie wrapped or hidden, tokens and what they
-- were asked for as hashes, and all of it is forgotten in time. Design: docs/decisions/0027-identity.md.

create table jovey.signing_keys (
  key_id          uuid         not null constraint signing_keys_pkey primary key,
  wrapped_key     bytea        not null,
  created_at      timestamptz  not null,
  retired_at      timestamptz,
  verifies_until  timestamptz
);
create unique index signing_keys_current_idx on jovey.signing_keys ((true)) where retired_at is null;
comment on table jovey.signing_keys is 'What access tokens are signed with, wrapped by the master key. One signs; retired ones verify until their tokens are over.';

create table jovey.attempts (
  key           bytea        not null constraint attempts_pkey primary key,
  failures      integer      not null,
  locked_until  timestamptz,
  last_at       timestamptz  not null
);
create index attempts_last_idx on jovey.attempts (last_at);
comment on table jovey.attempts is 'Tries that failed in a row, by a keyed hash of the account or the address they were made for or from.';

create table jovey.one_time_tokens (
  token_hash  bytea        not null constraint one_time_tokens_pkey primary key,
  purpose     varchar(40)  not null,
  person_id   uuid         not null,
  email_key   text         not null,
  created_at  timestamptz  not null,
  expires_at  timestamptz  not null
);
create index one_time_tokens_person_idx on jovey.one_time_tokens (person_id);
create index one_time_tokens_expiry_idx on jovey.one_time_tokens (expires_at);
comment on table jovey.one_time_tokens is 'SHA-256 of each token that a letter carried, for the e-mail address it went to. Using one deletes it.';

create table jovey.mails (
  id          uuid         not null constraint mails_pkey primary key,
  person_id   uuid         not null,
  kind        varchar(40)  not null,
  letter      text         not null,
  created_at  timestamptz  not null,
  sent_at     timestamptz,
  tries       integer      not null default 0,
  next_try_at timestamptz  not null
);
create index mails_waiting_idx on jovey.mails (next_try_at) where sent_at is null;
create index mails_person_idx on jovey.mails (person_id);
create index mails_age_idx on jovey.mails (created_at);
comment on table jovey.mails is 'The outbox: letters with their addresses, hidden under the key of whom they are for. Sent ones keep no letter.';

create table jovey.outside_subjects (
  issuer          text         not null,
  subject_key     bytea        not null,
  person_id       uuid         not null,
  linked_at       timestamptz  not null,
  refused_before  timestamptz,
  constraint outside_subjects_pkey primary key (issuer, subject_key)
);
create index outside_subjects_person_idx on jovey.outside_subjects (person_id);
comment on table jovey.outside_subjects is 'Who somebody known to an outside issuer is here; the subject stands as a keyed hash.';

alter table jovey.sessions add column device varchar(60) not null default '', add column last_used_at timestamptz;

alter table jovey.signing_keys owner to jovey_owner;
alter table jovey.attempts owner to jovey_owner;
alter table jovey.one_time_tokens owner to jovey_owner;
alter table jovey.mails owner to jovey_owner;
alter table jovey.outside_subjects owner to jovey_owner;
grant select, insert, update on jovey.signing_keys, jovey.outside_subjects to jovey_append;
grant select, insert, update, delete on jovey.attempts, jovey.one_time_tokens, jovey.mails to jovey_append;
grant delete on jovey.one_time_tokens, jovey.mails, jovey.outside_subjects to jovey_erase;
grant select (person_id) on jovey.one_time_tokens, jovey.mails, jovey.outside_subjects to jovey_erase;
