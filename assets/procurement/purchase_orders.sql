-- about: One row per order to a supplier, with what arrived of it.
-- column: id | The order.
-- column: po_number | Number people read aloud, unique.
-- column: supplier_id | The supplier.
-- column: status | draft, approved, sent, confirmed, partially_received, received, short_closed or cancelled.
-- column: items | Its lines: line_no, product_id, sku, quantity, quantity_received, quantity_open, unit_cost, line_total.
-- column: location | Where the goods arrive.
-- column: supplier_reference | The supplier's own number.
-- column: notes | Words with the order.
-- column: currency | ISO 4217 code of the amounts.
-- column: total_cost | What was ordered.
-- column: received_cost | What arrived, at the receipts' cost.
-- column: expected_delivery_date | As promised last.
-- column: actual_delivery_date | The last receipt, once nothing is open; null before.
-- column: version | Number of the newest event of its stream.
-- column: last_event_id | The newest event of its stream.
-- column: created_at | When it was drafted.
-- column: sent_at | When it went to the supplier.
-- column: updated_at | When it last changed.
-- column: needs_approval | Its total is above the threshold.
-- column: is_open | Goods are awaited.
-- column: is_late | Goods are awaited and the expected day is past.
-- expect: total_cost >= 0
-- expect: not (is_late and not is_open)
with touches as (
    select aggregate_id, version, event_id, effective_at, 'draft' as stage from facts.purchase_order_created
    union all by name
    select aggregate_id, version, event_id, effective_at, 'approved' as stage from facts.purchase_order_approved
    union all by name
    select aggregate_id, version, event_id, effective_at, 'sent' as stage from facts.purchase_order_sent
    union all by name
    select aggregate_id, version, event_id, effective_at, 'confirmed' as stage from facts.purchase_order_confirmed
    union all by name
    select aggregate_id, version, event_id, effective_at, if(is_complete, 'received', 'partially_received') as stage
    from facts.purchase_order_received
    union all by name
    select aggregate_id, version, event_id, effective_at, 'short_closed' as stage from facts.purchase_order_short_closed
    union all by name
    select aggregate_id, version, event_id, effective_at, 'cancelled' as stage from facts.purchase_order_cancelled
),
stages as (
    select
        aggregate_id,
        arg_max(stage, version) as newest,
        arg_max(stage, version) filter (where stage <> 'confirmed') as settled,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(effective_at, version) as updated_at,
        max(effective_at) filter (where stage = 'sent') as sent_at
    from touches
    group by aggregate_id
),
life as (
    select
        * exclude (newest, settled),
        -- a new promise for the rest of a delivery leaves the order partially received
        if(newest = 'confirmed' and settled = 'partially_received', settled, newest) as stage
    from stages
),
promises as (
    select
        aggregate_id,
        arg_max(expected_on, version) as expected_on,
        arg_max(supplier_reference, version) filter (where supplier_reference is not null) as supplier_reference
    from facts.purchase_order_confirmed
    group by aggregate_id
),
receipt_lines as (
    select aggregate_id, received_on, unnest(lines, max_depth := 2) from facts.purchase_order_received
),
received as (
    select aggregate_id, line_no, sum(quantity)::bigint as quantity
    from receipt_lines
    group by aggregate_id, line_no
),
receipts as (
    select aggregate_id, max(received_on) as received_on, sum(quantity * unit_cost)::decimal(18, 2) as cost
    from receipt_lines
    group by aggregate_id
),
lines as (
    select aggregate_id, unnest(lines, max_depth := 2) from facts.purchase_order_created
),
counted as (
    select
        lines.*,
        coalesce(received.quantity, 0) as quantity_received,
        greatest(lines.quantity - coalesce(received.quantity, 0), 0) as quantity_open
    from lines
    left join received using (aggregate_id, line_no)
),
items as (
    select
        aggregate_id,
        list(
            struct_pack(
                line_no, product_id, sku, quantity, quantity_received, quantity_open, unit_cost, line_total
            ) order by line_no
        ) as items
    from counted
    group by aggregate_id
),
stated as (
    select
        created.*,
        life.stage,
        life.version as newest_version,
        life.event_id as newest_event_id,
        life.updated_at,
        life.sent_at,
        coalesce(promises.expected_on, created.expected_on) as promised_on,
        promises.supplier_reference,
        life.stage in ('sent', 'confirmed', 'partially_received') as is_open
    from facts.purchase_order_created as created
    join life using (aggregate_id)
    left join promises using (aggregate_id)
)
select
    stated.aggregate_id as id,
    stated.number as po_number,
    stated.supplier_id,
    stated.stage as status,
    items.items,
    stated.location,
    stated.supplier_reference,
    stated.notes,
    stated.currency,
    stated.total_cost,
    coalesce(receipts.cost, 0)::decimal(18, 2) as received_cost,
    stated.promised_on as expected_delivery_date,
    if(stated.stage in ('received', 'short_closed'), receipts.received_on, null) as actual_delivery_date,
    stated.newest_version as version,
    stated.newest_event_id as last_event_id,
    stated.effective_at as created_at,
    stated.sent_at,
    stated.updated_at,
    stated.needs_approval,
    stated.is_open,
    stated.is_open and coalesce(stated.promised_on < getvariable('today'), false) as is_late
from stated
join items using (aggregate_id)
left join receipts using (aggregate_id)
