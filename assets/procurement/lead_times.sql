-- about: One row per product of the catalog: how long its goods take, as seen in receipts where there are enough.
-- column: product_id | The product.
-- column: supplier_id | Whom it was last ordered from; null before the first order.
-- column: lead_time_source | product, supplier or company: whose newest receipts; promise: the supplier's word; default: the setting.
-- column: lead_time_days | Days from sending an order to a receipt: ten equally likely ones, the 5th, 15th … 95th percentile.
-- column: promised_days | What the supplier promises; null when nothing is known.
-- column: receipts_count | Receipts it was taken from.
-- expect: len(lead_time_days) = 10
-- expect: list_min(lead_time_days) >= 0
with sent as (
    select aggregate_id as order_id, min(effective_at at time zone getvariable('time_zone'))::date as sent_on
    from facts.purchase_order_sent
    group by aggregate_id
),
lines as (
    select
        created.aggregate_id as order_id,
        created.supplier_id,
        created.effective_at,
        unnest(created.lines, max_depth := 2)
    from facts.purchase_order_created as created
),
suppliers as (
    select lines.product_id, arg_max(lines.supplier_id, (sent.sent_on, lines.effective_at, lines.order_id)) as supplier_id
    from lines
    join sent using (order_id)
    group by lines.product_id
),
arrivals as (
    select aggregate_id as order_id, received_on, position, unnest(lines, max_depth := 2)
    from facts.purchase_order_received
),
seen as (
    select
        created.supplier_id,
        arrivals.product_id,
        arrivals.position,
        arrivals.line_no,
        (arrivals.received_on - sent.sent_on)::integer as days
    from arrivals
    join sent using (order_id)
    join facts.purchase_order_created as created on created.aggregate_id = arrivals.order_id
    where arrivals.received_on >= sent.sent_on
),
-- the newest twenty: suppliers change
of_products as (
    select supplier_id, product_id, list(days) as days
    from (
        select * from seen
        qualify row_number() over (partition by supplier_id, product_id order by position desc, line_no) <= 20
    )
    group by supplier_id, product_id
),
of_suppliers as (
    select supplier_id, list(days) as days
    from (
        select * from seen
        qualify row_number() over (partition by supplier_id order by position desc, line_no) <= 20
    )
    group by supplier_id
),
of_company as (
    select list(days) as days
    from (
        select * from seen
        qualify row_number() over (order by position desc, line_no) <= 20
    )
),
choices as (
    select
        products.id as product_id,
        suppliers.supplier_id,
        known.lead_time_days as promised_days,
        case
            when len(of_products.days) >= 8 then 'product'
            when len(of_suppliers.days) >= 5 then 'supplier'
            when known.lead_time_days is not null then 'promise'
            when len(of_company.days) >= 5 then 'company'
            else 'default'
        end as source,
        of_products.days as product_days,
        of_suppliers.days as supplier_days,
        of_company.days as company_days
    from category.products as products
    left join suppliers on suppliers.product_id = products.id
    left join procurement.suppliers as known on known.id = suppliers.supplier_id
    left join of_products
        on of_products.product_id = products.id and of_products.supplier_id = suppliers.supplier_id
    left join of_suppliers on of_suppliers.supplier_id = suppliers.supplier_id
    cross join of_company
),
taken as (
    select
        choices.*,
        case source
            when 'product' then product_days
            when 'supplier' then supplier_days
            when 'promise' then [promised_days]
            when 'company' then company_days
            else [getvariable('lead_time_days')::integer]
        end as days
    from choices
)
select
    product_id,
    supplier_id,
    source as lead_time_source,
    list_transform(
        range(10),
        lambda tenth: list_sort(days)[least(1 + floor(len(days) * (tenth + 0.5) / 10)::bigint, len(days))]
    )::integer[] as lead_time_days,
    promised_days,
    if(source in ('product', 'supplier', 'company'), len(days), 0)::integer as receipts_count
from taken
