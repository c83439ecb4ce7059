-- Who sees what of the log, held by the database itself. The same table of doors stands in api/access.py; a test holds the
-- two together. Design, and why the views have an owner of their own: docs/decisions/0028-row-level-security.md.

-- Who asks. warehouse/log/asker.py says it at the beginning of a transaction, for that transaction alone. Where nobody said
-- it, nobody asks and nothing is seen. The role of agents is an agent, whatever it says. In plpgsql, for its plans are kept:
-- functions in SQL would be written into every query and planned with it.

create function jovey.asker_kind() returns text language plpgsql stable as $$
begin
  return case current_user when 'jovey_agent' then 'agent' else current_setting('jovey.kind', true) end;
end $$;
comment on function jovey.asker_kind is 'anonymous, consumer, dealer, staff, agent or system; something else, or nothing, is nobody.';

create function jovey.asker_functions() returns text[] language plpgsql stable as $$
begin
  return string_to_array(current_setting('jovey.functions', true), ',');
end $$;
comment on function jovey.asker_functions is 'The functions of the company that the asker works in, or is an agent of.';

create function jovey.works_in(p_functions text[]) returns boolean language plpgsql stable as $$
begin
  return coalesce(jovey.asker_kind() = 'staff' and p_functions && jovey.asker_functions(), false);
end $$;
comment on function jovey.works_in is 'Whether a member of staff asks, who works in one of these functions.';

create function jovey.buyer_id() returns uuid language plpgsql stable as $$
begin
  return case when jovey.asker_kind() in ('consumer', 'dealer') then nullif(current_setting('jovey.id', true), '')::uuid end;
end $$;
comment on function jovey.buyer_id is 'The customer who asks, whose own rows are shown; null for everybody else.';

create function jovey.hears_everything() returns boolean language plpgsql stable as $$
begin
  return coalesce(jovey.asker_kind() = 'system', false) or jovey.works_in('{events}');
end $$;
comment on function jovey.hears_everything is 'Whether the whole log is open to the asker.';

create function jovey.kinds_looked_after() returns varchar[] language plpgsql stable as $$
begin
  return (select array_agg(looked_after.kind) from (values
    ('product',        '{category}'::text[]),
    ('price_list',     '{category}'),
    ('market',         '{category}'),
    ('customer',       '{orders,customers,receivables}'),
    ('order',          '{orders,customers,receivables,fulfillment}'),
    ('account',        '{orders,customers,receivables}'),
    ('stock',          '{fulfillment,procurement,category}'),
    ('shipment',       '{fulfillment}'),
    ('return',         '{orders,customers,fulfillment}'),
    ('supplier',       '{procurement}'),
    ('purchase_order', '{procurement,fulfillment}'),
    ('decision',       '{agents,procurement,category}'),
    ('model_call',     '{agents,procurement,category}')
  ) looked_after (kind, functions) where jovey.works_in(looked_after.functions));
end $$;
comment on function jovey.kinds_looked_after is 'The kinds of streams of which the asker sees every one, by the functions they work in.';

create function jovey.kinds_heard() returns varchar[] language plpgsql stable as $$
begin
  return (select array_agg(heard.kind) from (values
    ('product', 'category'), ('price_list', 'category'), ('market', 'category'),
    ('customer', 'customers'), ('staff_member', 'customers'),
    ('order', 'orders'),
    ('stock', 'fulfillment'), ('shipment', 'fulfillment'), ('return', 'fulfillment'),
    ('supplier', 'procurement'), ('purchase_order', 'procurement'),
    ('account', 'receivables'), ('document_series', 'receivables'),
    ('decision', 'agents'), ('docket', 'agents'), ('model_call', 'agents')
  ) heard (kind, function) where jovey.works_in(array[heard.function]));
end $$;
comment on function jovey.kinds_heard is 'The kinds of streams whose facts are of a function that the asker works in, as warehouse/events has them.';

create function jovey.tier_of(p_dealer uuid) returns varchar
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  return (select s.state ->> 'tier' from states s
           where s.aggregate_id = p_dealer and s.aggregate_type = 'customer' and s.status = 'approved');
end $$;
comment on function jovey.tier_of is 'The tier of an approved dealer; whose price list they buy by.';

create function jovey.is_owner(p_stream uuid, p_customer uuid) returns boolean
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  return exists (select from states s where s.aggregate_id = p_stream and s.owner_id = p_customer);
end $$;
comment on function jovey.is_owner is 'Whether a stream is a customer''s.';

-- What commands need, whoever asks: the shell loads by id, and decides. So it needs no right on the tables.

create function jovey.peek(p_ids uuid[]) returns setof jovey.states
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  return query select * from states s where s.aggregate_id = any (p_ids);
end $$;
comment on function jovey.peek is 'The folded states of streams, without a lock.';

create function jovey.receipts(p_ids uuid[]) returns setof jovey.command_receipts
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  return query select * from command_receipts r where r.command_id = any (p_ids);
end $$;
comment on function jovey.receipts is 'What commands were answered; their ids follow from who sent them, so nobody finds another''s.';

-- Numbers and places that are nobody's secret, found by indexes that the planner does not use under a policy.

create function jovey.catalog_version(out streams bigint, out versions bigint)
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  select count(*), coalesce(sum(s.version), 0) into streams, versions from states s
   where s.aggregate_type in ('product', 'stock');
end $$;
comment on function jovey.catalog_version is 'How many products and stocks there are, on sale or not, and the sum of their versions: another one after each change.';

create function jovey.invoice_positions(p_ids uuid[]) returns setof bigint
language plpgsql stable rows 10 security definer set search_path = jovey, pg_temp as $$
begin
  return query select e.position from events e
                where e.event_type = 'invoice.generated' and (e.data ->> 'invoice_id')::uuid = any (p_ids);
end $$;
comment on function jovey.invoice_positions is 'Where in the log invoices were issued; what stands there the policies show or not.';

create function jovey.newest_event(p_after bigint, p_most integer, out events bigint, out since timestamptz, out newest bigint)
language plpgsql stable security definer set search_path = jovey, pg_temp as $$
begin
  select count(*), min(later.created_at) into events, since
    from (select e.created_at from events e where e.position > p_after order by e.position limit p_most) later;
  select max(e.position) into newest from events e;
end $$;
comment on function jovey.newest_event is 'How far the log has come: numbers for those who read figures, and no fact.';

-- The views. Their owner may read the tables and is bound by the policies; it owns nothing else, and nobody works as it.

create view jovey.visible_states as
select aggregate_id, aggregate_type, version,
       case
         when aggregate_type = 'product' and not (select coalesce(jovey.asker_kind() in ('staff', 'agent', 'system'), false))
           then state - '{cost,price_changes}'::text[]
         when aggregate_type = 'stock'
              and not (select coalesce(jovey.asker_kind() = 'system', false) or jovey.works_in('{fulfillment,procurement,category}'))
           then state - '{unit_cost,quarantined,reservations}'::text[] || jsonb_build_object('reservations',
                  (select coalesce(jsonb_object_agg(lpad(to_hex(one.place), 32, '0')::uuid, one.value), '{}')
                     from jsonb_each(state -> 'reservations') with ordinality one (order_id, value, place)))
         else state
       end as state,
       owner_id, status, created_at, updated_at
  from jovey.states;
comment on view jovey.visible_states is 'What the asker may see of states. Buyers see no costs, and how much of a stock is set aside but not for which order.';

create view jovey.visible_events as
select position, transaction_id, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type,
       created_by, subject_id, correlation_id, causation_id, data, metadata
  from jovey.events;
comment on view jovey.visible_events is 'What the asker may see of the log.';

-- The policies. Each `(select …)` stands for the whole statement: it is asked once, not for every row.

alter table jovey.states enable row level security;
alter table jovey.events enable row level security;

create policy everything_to_those_who_keep_the_log on jovey.states for select to jovey_read, jovey_tail using (true);
create policy everything_to_the_system on jovey.states for select to jovey_views
  using ((select jovey.asker_kind()) = 'system');
create policy what_is_on_sale_to_everyone on jovey.states for select to jovey_views
  using (((aggregate_type = 'product' and status = 'active') or aggregate_type = 'stock')
         and (select jovey.asker_kind()) in ('anonymous', 'consumer', 'dealer', 'staff', 'agent'));
create policy their_own_to_buyers on jovey.states for select to jovey_views
  using (owner_id = (select jovey.buyer_id()));
create policy the_prices_of_their_tier_to_dealers on jovey.states for select to jovey_views
  using (aggregate_type = 'price_list' and owner_id is null
         and status = (select case jovey.asker_kind() when 'dealer' then jovey.tier_of(jovey.buyer_id()) end));
create policy what_their_functions_look_after_to_staff on jovey.states for select to jovey_views
  using (aggregate_type = any ((select jovey.kinds_looked_after())::varchar[]));
create policy decisions_of_their_functions_to_agents on jovey.states for select to jovey_views
  using (aggregate_type in ('decision', 'model_call') and (select jovey.asker_kind()) = 'agent'
         and state ->> 'function' = any ((select jovey.asker_functions())::text[]));

create policy everything_to_those_who_keep_the_log on jovey.events for select to jovey_read, jovey_tail using (true);
create policy everything_to_the_system_and_the_events_desk on jovey.events for select to jovey_views
  using ((select jovey.hears_everything()));
create policy facts_of_their_functions_to_staff on jovey.events for select to jovey_views
  using (aggregate_type = any ((select jovey.kinds_heard())::varchar[]));
create policy their_orders_and_invoices_to_buyers on jovey.events for select to jovey_views
  using ((aggregate_type = 'order' or event_type = 'invoice.generated') and (select jovey.buyer_id()) is not null
         and jovey.is_owner(aggregate_id, (select jovey.buyer_id())));

-- Owners and grants.

grant usage, create on schema jovey to jovey_views;  -- create, for as long as it takes to own something
alter view jovey.visible_states owner to jovey_views;
alter view jovey.visible_events owner to jovey_views;
revoke create on schema jovey from jovey_views;
grant select on jovey.states, jovey.events to jovey_views;

do $$
declare
  made regprocedure;
begin
  foreach made in array array[
    'jovey.asker_kind()', 'jovey.asker_functions()', 'jovey.works_in(text[])', 'jovey.buyer_id()', 'jovey.hears_everything()',
    'jovey.kinds_looked_after()', 'jovey.kinds_heard()', 'jovey.tier_of(uuid)', 'jovey.is_owner(uuid,uuid)', 'jovey.peek(uuid[])', 'jovey.receipts(uuid[])',
    'jovey.catalog_version()', 'jovey.invoice_positions(uuid[])', 'jovey.newest_event(bigint,integer)']::regprocedure[]
  loop
    execute format('alter function %s owner to jovey_owner', made);
    execute format('revoke execute on function %s from public', made);
  end loop;
end $$;
grant execute on function jovey.asker_kind, jovey.asker_functions, jovey.works_in, jovey.buyer_id, jovey.hears_everything,
  jovey.kinds_looked_after, jovey.kinds_heard, jovey.tier_of, jovey.is_owner to jovey_append, jovey_agent;
grant execute on function jovey.peek, jovey.receipts to jovey_append, jovey_erase;
grant execute on function jovey.catalog_version, jovey.invoice_positions, jovey.newest_event to jovey_append;

revoke select on jovey.events, jovey.states, jovey.command_receipts from jovey_append, jovey_erase;
revoke select on jovey.events from jovey_agent;
grant select on jovey.visible_states, jovey.visible_events to jovey_append, jovey_agent;
