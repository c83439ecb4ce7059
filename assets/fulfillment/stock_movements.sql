-- about: One row per movement of the pieces of a product at a location.
-- column: event_id | The fact that moved them.
-- column: stock_id | The product at the location.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: location | The warehouse.
-- column: kind | The fact, as in the log.
-- column: order_id | The order the pieces are set aside for or left with; null otherwise.
-- column: on_hand | Change of saleable pieces in the house.
-- column: reserved | Change of pieces set aside.
-- column: quarantined | Change of pieces that may not be sold.
-- column: unit_cost | Cost of a piece, where the fact says one.
-- column: version | Number of the fact in its stream.
-- column: moved_at | When it happened.
-- expect: product_id is not null and location <> ''
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.received' as kind,
    null::uuid as order_id, quantity as on_hand, 0::bigint as reserved, 0::bigint as quarantined, unit_cost,
    version, effective_at as moved_at
from facts.inventory_received
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.transferred_in' as kind,
    null::uuid as order_id, quantity as on_hand, 0::bigint as reserved, 0::bigint as quarantined, unit_cost,
    version, effective_at as moved_at
from facts.inventory_transferred_in
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.transferred_out' as kind,
    null::uuid as order_id, -quantity as on_hand, 0::bigint as reserved, 0::bigint as quarantined, unit_cost,
    version, effective_at as moved_at
from facts.inventory_transferred_out
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.adjusted' as kind,
    null::uuid as order_id, quantity as on_hand, 0::bigint as reserved, 0::bigint as quarantined, null as unit_cost,
    version, effective_at as moved_at
from facts.inventory_adjusted
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.counted' as kind,
    null::uuid as order_id, difference as on_hand, 0::bigint as reserved, 0::bigint as quarantined, null as unit_cost,
    version, effective_at as moved_at
from facts.inventory_counted
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.reserved' as kind,
    order_id, 0::bigint as on_hand, quantity as reserved, 0::bigint as quarantined, null as unit_cost,
    version, effective_at as moved_at
from facts.inventory_reserved
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.released' as kind,
    order_id, 0::bigint as on_hand, -quantity as reserved, 0::bigint as quarantined, null as unit_cost,
    version, effective_at as moved_at
from facts.inventory_released
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.shipped' as kind,
    order_id, -quantity as on_hand, -quantity as reserved, 0::bigint as quarantined, unit_cost,
    version, effective_at as moved_at
from facts.inventory_shipped
union all by name
select event_id, aggregate_id as stock_id, product_id, sku, location, 'inventory.quarantined' as kind,
    null::uuid as order_id, 0::bigint as on_hand, 0::bigint as reserved, quantity as quarantined, null as unit_cost,
    version, effective_at as moved_at
from facts.inventory_quarantined
