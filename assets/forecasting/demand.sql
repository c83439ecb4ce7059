-- about: One row per product and ISO week from its first demand or stock to this week, quiet weeks included; at most a quarter beyond the company's latest.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: week_start | Monday of the week, the company's calendar.
-- column: quantity | Pieces asked for by order date, less what was called off or sent back the same day.
-- column: orders_count | Orders that asked for it, those called off the same day left out.
-- column: net_amount | Net of those pieces at the agreed price, in the ledger's currency.
-- column: available_min | Least available pieces in the week over all locations; null before any stock was known.
-- column: is_stocked_out | At some time in the week nothing was available: the demand seen may be too low.
-- column: is_partial | The week is not over.
-- expect: quantity >= 0
-- expect: extract('isodow' from week_start) = 1
with orders as (
    select aggregate_id as order_id, (effective_at at time zone getvariable('time_zone'))::date as ordered_on, lines
    from facts.order_placed
),
called_off as (
    select orders.order_id
    from orders
    join (
        select aggregate_id as order_id, effective_at from facts.order_cancelled
        union all by name
        select aggregate_id as order_id, effective_at from facts.order_expired
    ) as ended using (order_id)
    where (ended.effective_at at time zone getvariable('time_zone'))::date = orders.ordered_on
),
given_back as (
    select aggregate_id as order_id, effective_at, unnest(lines, max_depth := 2) from facts.order_line_returned
    union all by name
    select aggregate_id as order_id, effective_at, line_no, quantity from facts.order_line_short_closed
),
same_day as (
    select back.order_id, back.line_no, sum(back.quantity)::bigint as quantity
    from given_back as back
    join orders using (order_id)
    where (back.effective_at at time zone getvariable('time_zone'))::date = orders.ordered_on
    group by back.order_id, back.line_no
),
lines as (
    select order_id, ordered_on, unnest(lines, max_depth := 2)
    from orders
    where order_id not in (from called_off)
),
wanted as (
    select
        lines.product_id,
        lines.sku,
        lines.order_id,
        date_trunc('week', lines.ordered_on)::date as week_start,
        greatest(lines.quantity - coalesce(same_day.quantity, 0), 0) as quantity,
        (lines.unit_price * greatest(lines.quantity - coalesce(same_day.quantity, 0), 0))::decimal(18, 2) as net_amount
    from lines
    left join same_day using (order_id, line_no)
    where lines.kind = 'product' and lines.product_id is not null
),
weekly as (
    select
        product_id,
        week_start,
        sum(quantity)::bigint as quantity,
        count(distinct order_id) filter (where quantity > 0) as orders_count,
        sum(net_amount)::decimal(18, 2) as net_amount
    from wanted
    group by product_id, week_start
),
balances as (
    select
        product_id,
        date_trunc('week', moved_at at time zone getvariable('time_zone'))::date as week_start,
        sum(on_hand - reserved) over (
            partition by product_id order by moved_at, version, event_id
        ) as available,
        moved_at,
        version,
        event_id
    from fulfillment.stock_movements
),
weekly_balances as (
    select
        product_id,
        week_start,
        min(available)::bigint as least,
        arg_max(available, (moved_at, version, event_id))::bigint as closing
    from balances
    group by product_id, week_start
),
names as (
    select product_id, any_value(sku) as sku from (
        select product_id, sku from wanted
        union all by name
        select product_id, sku from fulfillment.stock_movements
    ) group by product_id
),
active as (
    select product_id, week_start from weekly
    union all by name
    select product_id, week_start from weekly_balances
),
starts as (
    -- a company that has been silent for a quarter has no demand to tell of: books brought in from years ago end there
    select
        product_id,
        min(week_start) as week_start,
        least(date_trunc('week', getvariable('today')), max(max(week_start)) over () + interval 91 day) as latest
    from active
    group by product_id
),
weeks as (
    select
        product_id,
        unnest(generate_series(week_start::timestamp, latest::timestamp, interval 7 day))::date as week_start
    from starts
),
carried as (
    select
        weeks.product_id,
        weeks.week_start,
        weekly_balances.least,
        last_value(weekly_balances.closing ignore nulls) over (
            partition by weeks.product_id order by weeks.week_start
            rows between unbounded preceding and 1 preceding
        ) as opening
    from weeks
    left join weekly_balances using (product_id, week_start)
)
select
    carried.product_id,
    names.sku,
    carried.week_start,
    coalesce(weekly.quantity, 0) as quantity,
    coalesce(weekly.orders_count, 0) as orders_count,
    coalesce(weekly.net_amount, 0)::decimal(18, 2) as net_amount,
    least(carried.least, carried.opening) as available_min,
    coalesce(least(carried.least, carried.opening) <= 0, false) as is_stocked_out,
    carried.week_start = date_trunc('week', getvariable('today'))::date as is_partial
from carried
join names using (product_id)
left join weekly using (product_id, week_start)
