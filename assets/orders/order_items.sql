-- about: One row per line of an order, with where its pieces are.
-- column: id | The line, as a function of order and line number.
-- column: order_id | The order.
-- column: line_no | Number of the line in its order, from 1.
-- column: product_id | The product; null on charges and discounts.
-- column: kind | product, charge or discount.
-- column: sku | The product's SKU, or the code of the charge or discount.
-- column: description | As agreed.
-- column: reference | The buyer's own reference.
-- column: quantity | Ordered, pieces.
-- column: quantity_shipped | Left the warehouse, pieces.
-- column: quantity_delivered | Reached the buyer, pieces.
-- column: quantity_returned | Came back, pieces.
-- column: quantity_short_closed | Will not come, pieces.
-- column: quantity_open | Still to ship, pieces; 0 once the order is cancelled, expired or closed.
-- column: unit_price | Agreed price of a piece, in the order's currency.
-- column: line_total | Net of the line as ordered, in the order's currency.
-- column: tax | Tax of the line as ordered.
-- column: gross | Net and tax of the line as ordered.
-- column: short_closed_gross | Part of `gross` that will not be invoiced.
-- column: created_at | When the order was placed.
-- expect: line_total + tax = gross
-- expect: quantity_shipped + quantity_short_closed <= quantity
-- expect: quantity_delivered <= quantity_shipped
-- expect: quantity_returned <= quantity_delivered
with lines as (
    select aggregate_id as order_id, effective_at, unnest(lines, max_depth := 2) from facts.order_placed
),
moved as (
    select aggregate_id as order_id, 'shipped' as way, unnest(lines, max_depth := 2) from facts.order_line_shipped
    union all by name
    select aggregate_id as order_id, 'delivered' as way, unnest(lines, max_depth := 2) from facts.order_line_delivered
    union all by name
    select aggregate_id as order_id, 'returned' as way, unnest(lines, max_depth := 2) from facts.order_line_returned
    union all by name
    select aggregate_id as order_id, 'short_closed' as way, line_no, quantity from facts.order_line_short_closed
),
pieces as (
    select
        order_id,
        line_no,
        sum(quantity) filter (where way = 'shipped')::bigint as shipped,
        sum(quantity) filter (where way = 'delivered')::bigint as delivered,
        sum(quantity) filter (where way = 'returned')::bigint as returned,
        sum(quantity) filter (where way = 'short_closed')::bigint as short_closed
    from moved
    group by order_id, line_no
),
ended as (
    select aggregate_id as order_id from facts.order_cancelled
    union
    select aggregate_id as order_id from facts.order_expired
    union
    select aggregate_id as order_id from facts.order_fulfilled
),
counted as (
    select
        lines.*,
        coalesce(pieces.shipped, 0) as shipped,
        coalesce(pieces.delivered, 0) as delivered,
        coalesce(pieces.returned, 0) as returned,
        coalesce(pieces.short_closed, 0) as short_closed,
        (lines.gross * 100)::hugeint as cents
    from lines
    left join pieces using (order_id, line_no)
)
select
    md5(counted.order_id || '/' || counted.line_no)::uuid as id,
    counted.order_id,
    counted.line_no,
    counted.product_id,
    counted.kind,
    counted.sku,
    counted.description,
    counted.reference,
    counted.quantity,
    counted.shipped as quantity_shipped,
    counted.delivered as quantity_delivered,
    counted.returned as quantity_returned,
    counted.short_closed as quantity_short_closed,
    case when ended.order_id is null then counted.quantity - counted.shipped - counted.short_closed else 0 end
        as quantity_open,
    counted.unit_price,
    counted.net as line_total,
    counted.tax,
    counted.gross,
    -- the whole less the share of what still comes, that share in cents, half away from zero
    case when counted.short_closed = 0 then 0 else counted.gross - (
        sign(counted.cents) * (
            (2 * abs(counted.cents) * (counted.quantity - counted.short_closed) + counted.quantity)
            // (2 * counted.quantity)
        )
    )::decimal(18, 0) / 100 end::decimal(18, 2) as short_closed_gross,
    counted.effective_at as created_at
from counted
left join ended using (order_id)
