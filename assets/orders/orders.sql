-- about: One row per order, its three axes derived from quantities and amounts.
-- column: id | The order.
-- column: order_number | Number people read aloud, unique.
-- column: customer_id | Who ordered, as a pseudonym.
-- column: customer_type | consumer or dealer.
-- column: channel | storefront, api, bulk, staff or import.
-- column: location | The warehouse that serves it.
-- column: reference | The buyer's own reference.
-- column: status | pending, processing, shipped, delivered or cancelled: the three axes in one word.
-- column: lifecycle | placed, held, confirmed, closed, cancelled or expired.
-- column: fulfillment_status | unfulfilled, partially_shipped, shipped, delivered, partially_returned or returned.
-- column: payment_status | pending, partial, paid or refunded.
-- column: payment_terms | immediate, net_15, net_30 or net_60.
-- column: items | Its lines: line_no, product_id, sku, quantity, unit_price, line_total.
-- column: tracking_number | Of the newest shipment that has one.
-- column: currency | ISO 4217 code of all amounts.
-- column: subtotal | Net of products and discounts, as ordered.
-- column: shipping | Net of charges, as ordered.
-- column: tax | Tax as ordered.
-- column: total | What was ordered, with tax.
-- column: due_amount | `total` less what will not come and what was credited.
-- column: paid_amount | Money and credit put against it.
-- column: refunded_amount | Money given back to the buyer.
-- column: placed_on | Calendar date of the order.
-- column: expires_at | Unpaid by then it has lapsed; null on credit terms.
-- column: shipped_at | When pieces last left.
-- column: delivered_at | When pieces last arrived.
-- column: cancelled_at | When it was called off or expired.
-- column: version | Number of the newest event of its stream.
-- column: last_event_id | The newest event of its stream.
-- column: created_at | When it was placed.
-- column: updated_at | When it last changed.
-- expect: subtotal + shipping + tax = total
-- expect: due_amount <= total
-- expect: paid_amount >= refunded_amount
with placed as (from facts.order_placed),
touches as (
    select aggregate_id, version, event_id, effective_at, 'placed' as stage from facts.order_placed
    union all by name
    select aggregate_id, version, event_id, effective_at, 'held' as stage from facts.order_held
    union all by name
    select aggregate_id, version, event_id, effective_at, 'placed' as stage from facts.order_released
    union all by name
    select aggregate_id, version, event_id, effective_at, 'confirmed' as stage from facts.order_confirmed
    union all by name
    select aggregate_id, version, event_id, effective_at, 'cancelled' as stage from facts.order_cancelled
    union all by name
    select aggregate_id, version, event_id, effective_at, 'expired' as stage from facts.order_expired
    union all by name
    select aggregate_id, version, event_id, effective_at, 'closed' as stage from facts.order_fulfilled
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_picking_started
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_line_shipped
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_line_delivered
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_line_returned
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_line_short_closed
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_payment_applied
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_shipment_planned
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_shipment_cancelled
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_return_requested
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_return_closed
    union all by name
    select aggregate_id, version, event_id, effective_at, null as stage from facts.order_credited
),
life as (
    select
        aggregate_id,
        arg_max(stage, version) filter (where stage is not null) as lifecycle,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(effective_at, version) as updated_at,
        max(effective_at) filter (where stage in ('cancelled', 'expired')) as cancelled_at
    from touches
    group by aggregate_id
),
payments as (
    select
        aggregate_id,
        sum(amount) filter (where not is_refund) as paid,
        -sum(amount) filter (where is_refund) as refunded
    from facts.order_payment_applied
    group by aggregate_id
),
credits as (
    select aggregate_id, sum(amount) as credited from facts.order_credited group by aggregate_id
),
shipped as (
    select aggregate_id, max(effective_at) as shipped_at from facts.order_line_shipped group by aggregate_id
),
delivered as (
    select aggregate_id, max(effective_at) as delivered_at from facts.order_line_delivered group by aggregate_id
),
tracking as (
    select order_id, arg_max(tracking_number, position) as tracking_number
    from facts.shipment_shipped
    where tracking_number is not null
    group by order_id
),
goods as (
    select
        order_id,
        -- an order without goods is as far as its charges are
        bool_or(kind = 'product') as has_goods,
        sum(quantity - quantity_short_closed) filter (where kind = 'product') as goods_expected,
        sum(quantity_shipped) filter (where kind = 'product') as goods_shipped,
        sum(quantity_delivered) filter (where kind = 'product') as goods_delivered,
        sum(quantity_returned) filter (where kind = 'product') as goods_returned,
        sum(quantity - quantity_short_closed) as all_expected,
        sum(quantity_shipped) as all_shipped,
        sum(quantity_delivered) as all_delivered,
        sum(quantity_returned) as all_returned,
        sum(line_total) filter (where kind <> 'charge') as subtotal,
        sum(line_total) filter (where kind = 'charge') as charges,
        sum(short_closed_gross) as short_closed,
        list(
            struct_pack(line_no, product_id, sku, quantity, unit_price, line_total) order by line_no
        ) as items
    from orders.order_items
    group by order_id
),
quantities as (
    select
        order_id,
        if(has_goods, goods_expected, all_expected) as expected,
        if(has_goods, goods_shipped, all_shipped) as shipped,
        if(has_goods, goods_delivered, all_delivered) as delivered,
        if(has_goods, goods_returned, all_returned) as returned,
        coalesce(subtotal, 0)::decimal(18, 2) as subtotal,
        coalesce(charges, 0)::decimal(18, 2) as charges,
        short_closed,
        items
    from goods
),
axes as (
    select
        placed.aggregate_id,
        life.lifecycle,
        case
            when quantities.returned > 0
                then if(quantities.returned >= quantities.expected, 'returned', 'partially_returned')
            when quantities.shipped > 0 and quantities.delivered >= quantities.expected then 'delivered'
            when quantities.shipped > 0
                then if(quantities.shipped >= quantities.expected, 'shipped', 'partially_shipped')
            else 'unfulfilled'
        end as fulfillment,
        quantities.shipped > 0 and quantities.shipped >= quantities.expected as is_shipped,
        quantities.delivered > 0 and quantities.delivered >= quantities.expected as is_delivered,
        (placed.total - quantities.short_closed - coalesce(credits.credited, 0))::decimal(18, 2) as due,
        coalesce(payments.paid, 0)::decimal(18, 2) as paid,
        coalesce(payments.refunded, 0)::decimal(18, 2) as refunded
    from placed
    join life using (aggregate_id)
    join quantities on quantities.order_id = placed.aggregate_id
    left join payments using (aggregate_id)
    left join credits using (aggregate_id)
)
select
    placed.aggregate_id as id,
    placed.number as order_number,
    placed.customer_id,
    placed.customer_type,
    placed.channel,
    placed.location,
    placed.reference,
    case
        when axes.lifecycle in ('cancelled', 'expired') then 'cancelled'
        when axes.is_delivered then 'delivered'
        when axes.is_shipped then 'shipped'
        when axes.lifecycle in ('confirmed', 'closed') then 'processing'
        else 'pending'
    end as status,
    axes.lifecycle,
    axes.fulfillment as fulfillment_status,
    case
        when axes.refunded > 0 and axes.paid <= axes.refunded then 'refunded'
        when axes.paid - axes.refunded >= axes.due then 'paid'
        when axes.paid > axes.refunded then 'partial'
        else 'pending'
    end as payment_status,
    placed.terms as payment_terms,
    quantities.items,
    tracking.tracking_number,
    placed.currency,
    quantities.subtotal,
    quantities.charges as shipping,
    placed.tax,
    placed.total,
    axes.due as due_amount,
    axes.paid as paid_amount,
    axes.refunded as refunded_amount,
    (placed.effective_at at time zone getvariable('time_zone'))::date as placed_on,
    placed.expires_at,
    shipped.shipped_at,
    delivered.delivered_at,
    life.cancelled_at,
    life.version,
    life.event_id as last_event_id,
    placed.effective_at as created_at,
    life.updated_at
from placed
join axes using (aggregate_id)
join life using (aggregate_id)
join quantities on quantities.order_id = placed.aggregate_id
left join shipped using (aggregate_id)
left join delivered using (aggregate_id)
left join tracking on tracking.order_id = placed.aggregate_id
