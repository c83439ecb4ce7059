-- about: One row per active product with as many pieces or fewer, available and awaited, than its reorder point: what to order now.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: product_name | Its name.
-- column: supplier_id | Whom it was last ordered from; null before the first order.
-- column: supplier_name | The supplier's name.
-- column: location | Where the goods would arrive: where they last did, else where least is available.
-- column: quantity_on_hand | Saleable pieces in the house, all locations.
-- column: quantity_at_location | Of those, pieces at `location`.
-- column: quantity_reserved | Pieces set aside for orders, all locations.
-- column: quantity_available | `quantity_on_hand` less `quantity_reserved`.
-- column: quantity_in_transit | Pieces on their way from suppliers and other locations.
-- column: quantity_drafted | Pieces on orders to suppliers that were drafted or approved and not yet sent.
-- column: quantity_late | Of `quantity_in_transit`, pieces whose expected day is past.
-- column: days_late | Days since the oldest expected day of goods still awaited; 0 when none is past.
-- column: awaited | Orders to suppliers with open pieces, drafts included: po_number, quantity, days until expected, is_late.
-- column: position | `quantity_available`, `quantity_in_transit` and `quantity_drafted`.
-- column: reorder_point | s: order at or below it.
-- column: order_up_to | S: order up to it.
-- column: order_quantity | What a single order is at best, whole packs.
-- column: pack_quantity | Pieces in a pack.
-- column: quantity | Whole packs from `position` to `order_up_to`: the formula's answer.
-- column: weekly_demand | Expected pieces of a coming week.
-- column: recent_weekly_demand | Mean pieces asked for in the last 4 whole weeks.
-- column: quarter_weekly_demand | Mean pieces asked for in the last 13 whole weeks.
-- column: half_year_demand | Pieces asked for in the last 26 whole weeks.
-- column: protection_demand | Expected pieces over lead time and review.
-- column: protection_quantile | Pieces that demand over lead time and review stays at or below with probability `service_level`.
-- column: service_level | That probability.
-- column: economic_quantity | Before packs and the longest supply: root of 2 order cost times demand over holding cost.
-- column: demand_class | smooth, erratic, intermittent, lumpy or new.
-- column: basis | What the forecast stands on: history or analogues.
-- column: lead_time_source | Where the lead times come from: product, supplier, promise, company or default.
-- column: lead_time_days | Ten equally likely lead times, days.
-- column: lead_time_mean_days | Their mean.
-- column: promised_days | What the supplier promises; null when nothing is known.
-- column: receipts_count | Receipts that the lead times were taken from.
-- column: review_days | Days between two looks at what to order.
-- column: days_of_cover | Days that `quantity_available` lasts at `weekly_demand`; null without demand, 0 with nothing there.
-- column: urgency | Share of the mean lead time that `days_of_cover` leaves open: 1 is out of stock, 0 lasts until new goods come.
-- column: booked_cost | What a piece costs by the catalog, else by the newest receipt at `location`; null while unknown.
-- column: unit_cost | `booked_cost`, else `last_unit_cost`: what to order at.
-- column: last_unit_cost | What it cost at the last order to a supplier; null before the first.
-- column: supplier_is_active | Something may be ordered from the supplier.
-- expect: position <= reorder_point
-- expect: quantity > 0 and quantity % pack_quantity = 0
-- expect: position = quantity_available + quantity_in_transit + quantity_drafted
-- expect: urgency between 0 and 1
with shelves as (
    select
        product_id,
        sum(quantity_on_hand)::bigint as on_hand,
        sum(quantity_reserved)::bigint as reserved,
        sum(quantity_available)::bigint as available,
        sum(quantity_in_transit)::bigint as in_transit,
        arg_min(warehouse_location, (quantity_available, warehouse_location)) as emptiest
    from fulfillment.finished_goods_inventory
    group by product_id
),
lines as (
    select po_number, status, location, created_at, expected_delivery_date, is_open, unnest(items, max_depth := 2)
    from procurement.purchase_orders
    where status <> 'cancelled'
),
bought as (
    select
        product_id,
        arg_max(location, (created_at, po_number)) as location,
        arg_max(unit_cost, (created_at, po_number)) as unit_cost
    from lines
    group by product_id
),
open_lines as (
    select
        product_id,
        po_number,
        quantity_open,
        not is_open as is_drafted,
        is_open and coalesce(expected_delivery_date < getvariable('today'), false) as is_late,
        (expected_delivery_date - getvariable('today'))::integer as days
    from lines
    where quantity_open > 0 and (is_open or status in ('draft', 'approved'))
),
awaited as (
    select
        product_id,
        coalesce(sum(quantity_open) filter (where is_drafted), 0)::bigint as drafted,
        coalesce(sum(quantity_open) filter (where is_late), 0)::bigint as late,
        coalesce(-min(days) filter (where is_late), 0)::integer as days_late,
        list(
            struct_pack(po_number := po_number, quantity := quantity_open, days := days, is_late := is_late)
            order by po_number
        ) as orders
    from open_lines
    group by product_id
),
asked_for as (
    select
        product_id,
        sum(quantity) filter (where weeks_ago <= 4) / 4 as recent,
        sum(quantity) filter (where weeks_ago <= 13) / 13 as quarter,
        sum(quantity)::bigint as half_year
    from (
        select
            product_id,
            quantity,
            ((date_trunc('week', getvariable('today'))::date - week_start) / 7)::integer as weeks_ago
        from forecasting.demand
    )
    where weeks_ago between 1 and 26
    group by product_id
),
stocked as (
    select
        targets.*,
        products.name as product_name,
        products.cost,
        coalesce(shelves.on_hand, 0) as on_hand,
        coalesce(shelves.reserved, 0) as reserved,
        coalesce(shelves.available, 0) as available,
        coalesce(shelves.in_transit, 0) as in_transit,
        coalesce(awaited.drafted, 0) as drafted,
        coalesce(awaited.late, 0) as late,
        coalesce(awaited.days_late, 0) as days_late,
        awaited.orders,
        coalesce(shelves.available, 0) + coalesce(shelves.in_transit, 0) + coalesce(awaited.drafted, 0) as position,
        coalesce(bought.location, shelves.emptiest, 'main') as location,
        bought.unit_cost as bought_cost,
        list_avg(targets.lead_time_days) as lead_time_mean_days
    from forecasting.inventory_targets as targets
    join category.products as products on products.id = targets.product_id
    left join shelves using (product_id)
    left join awaited using (product_id)
    left join bought using (product_id)
    where products.active
),
due as (
    select
        *,
        if(forecast_demand > 0, greatest(available, 0) * 7 / forecast_demand, null) as cover
    from stocked
    where position <= reorder_point and order_up_to > position
)
select
    due.product_id,
    due.sku,
    due.product_name,
    due.supplier_id,
    suppliers.name as supplier_name,
    due.location,
    due.on_hand as quantity_on_hand,
    coalesce(here.quantity_on_hand, 0) as quantity_at_location,
    due.reserved as quantity_reserved,
    due.available as quantity_available,
    due.in_transit as quantity_in_transit,
    due.drafted as quantity_drafted,
    due.late as quantity_late,
    due.days_late,
    coalesce(due.orders, []) as awaited,
    due.position,
    due.reorder_point,
    due.order_up_to,
    due.order_quantity,
    due.pack_quantity,
    (ceil((due.order_up_to - due.position) / due.pack_quantity) * due.pack_quantity)::bigint as quantity,
    due.forecast_demand as weekly_demand,
    coalesce(asked_for.recent, 0)::decimal(18, 2) as recent_weekly_demand,
    coalesce(asked_for.quarter, 0)::decimal(18, 2) as quarter_weekly_demand,
    coalesce(asked_for.half_year, 0) as half_year_demand,
    due.protection_demand,
    due.protection_quantile,
    due.service_level,
    due.economic_quantity,
    due.demand_class,
    due.basis,
    due.lead_time_source,
    due.lead_time_days,
    due.lead_time_mean_days::decimal(9, 2) as lead_time_mean_days,
    times.promised_days,
    times.receipts_count,
    due.review_days,
    due.cover::decimal(18, 1) as days_of_cover,
    if(due.lead_time_mean_days > 0 and due.cover is not null,
        greatest(1 - due.cover / due.lead_time_mean_days, 0),
        if(due.available <= 0, 1, 0)
    )::decimal(9, 4) as urgency,
    coalesce(due.cost, here.last_unit_cost)::decimal(18, 4) as booked_cost,
    coalesce(due.cost, here.last_unit_cost, due.bought_cost)::decimal(18, 4) as unit_cost,
    due.bought_cost as last_unit_cost,
    coalesce(suppliers.active, false) as supplier_is_active
from due
left join procurement.suppliers as suppliers on suppliers.id = due.supplier_id
left join procurement.lead_times as times on times.product_id = due.product_id
left join asked_for on asked_for.product_id = due.product_id
left join fulfillment.finished_goods_inventory as here
    on here.product_id = due.product_id and here.warehouse_location = due.location
