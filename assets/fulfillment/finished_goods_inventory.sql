-- about: One row per product and location, as its shelf and its books stand now.
-- column: id | The product at the location.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: warehouse_location | The warehouse.
-- column: quantity_on_hand | Saleable pieces in the house.
-- column: quantity_reserved | Pieces set aside for orders; what lapsed before the lake was refreshed is not counted.
-- column: quantity_available | `quantity_on_hand` less `quantity_reserved`; negative while backorders wait.
-- column: quantity_quarantined | Pieces in the house that may not be sold.
-- column: quantity_in_transit | Pieces on their way from suppliers and other locations.
-- column: last_unit_cost | Cost of a piece at the newest receipt or shipment that says one.
-- column: version | Number of the newest event of its stream.
-- column: last_event_id | The newest event of its stream.
-- column: updated_at | When it last moved.
-- expect: quantity_on_hand >= 0
-- expect: quantity_reserved >= 0
-- expect: quantity_in_transit >= 0
-- expect: quantity_available = quantity_on_hand - quantity_reserved
with terms as (
    select aggregate_id as stock_id, order_id, version, expires_at from facts.inventory_reserved
    union all by name
    select aggregate_id as stock_id, order_id, version, null::timestamptz as expires_at
    from facts.inventory_reservation_confirmed
),
lapsing as (
    select stock_id, order_id, arg_max_null(expires_at, version) as expires_at
    from terms
    group by stock_id, order_id
),
reservations as (
    select stock_id, order_id, greatest(sum(reserved), 0) as quantity
    from fulfillment.stock_movements
    where order_id is not null
    group by stock_id, order_id
),
reserved as (
    select reservations.stock_id, sum(reservations.quantity)::bigint as quantity
    from reservations
    join lapsing using (stock_id, order_id)
    where lapsing.expires_at is null or lapsing.expires_at > getvariable('as_of')
    group by reservations.stock_id
),
shelves as (
    select
        stock_id,
        any_value(product_id) as product_id,
        any_value(sku) as sku,
        any_value(location) as location,
        sum(on_hand)::bigint as on_hand,
        sum(quarantined)::bigint as quarantined,
        arg_max(unit_cost, version) filter (where unit_cost is not null) as unit_cost,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(moved_at, version) as moved_at
    from fulfillment.stock_movements
    group by stock_id
),
-- a confirmation moves no pieces, and is an event of the stream all the same
confirmed as (
    select
        aggregate_id as stock_id,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(effective_at, version) as moved_at
    from facts.inventory_reservation_confirmed
    group by aggregate_id
),
bought as (
    select line.product_id, orders.location, sum(line.quantity_open)::bigint as quantity
    from (select location, unnest(items) as line from procurement.purchase_orders where is_open) as orders
    group by all
),
transfers as (
    select product_id, to_location as location, transfer_id, quantity from facts.inventory_transferred_out
    union all by name
    select product_id, location, transfer_id, -quantity as quantity from facts.inventory_transferred_in
),
moving as (
    select product_id, location, sum(quantity)::bigint as quantity from transfers group by product_id, location
)
select
    shelves.stock_id as id,
    shelves.product_id,
    shelves.sku,
    shelves.location as warehouse_location,
    shelves.on_hand as quantity_on_hand,
    coalesce(reserved.quantity, 0) as quantity_reserved,
    shelves.on_hand - coalesce(reserved.quantity, 0) as quantity_available,
    shelves.quarantined as quantity_quarantined,
    coalesce(bought.quantity, 0) + coalesce(moving.quantity, 0) as quantity_in_transit,
    shelves.unit_cost as last_unit_cost,
    greatest(shelves.version, confirmed.version) as version,
    if(confirmed.version > shelves.version, confirmed.event_id, shelves.event_id) as last_event_id,
    if(confirmed.version > shelves.version, confirmed.moved_at, shelves.moved_at) as updated_at
from shelves
left join reserved using (stock_id)
left join confirmed using (stock_id)
left join bought using (product_id, location)
left join moving using (product_id, location)
