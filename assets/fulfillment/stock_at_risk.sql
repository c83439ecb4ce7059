-- about: One row per product and location that would run out within its supplier's time at the demand of the last 8 weeks.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: warehouse_location | The warehouse.
-- column: quantity_available | Pieces that may be promised.
-- column: quantity_in_transit | Pieces on their way in.
-- column: weekly_demand | Mean demand of a week over the last 8 whole weeks, pieces; of the product at all locations.
-- column: weeks_of_supply | `quantity_available` and `quantity_in_transit` over `weekly_demand`.
-- column: is_out_of_stock | Nothing is available.
-- expect: weekly_demand > 0
with recent as (
    select product_id, (sum(quantity) / 8)::decimal(18, 2) as weekly_demand
    from forecasting.demand
    where week_start >= date_trunc('week', getvariable('today'))::date - 56
      and week_start < date_trunc('week', getvariable('today'))::date
    group by product_id
),
cover as (
    select
        shelves.*,
        recent.weekly_demand,
        ((shelves.quantity_available + shelves.quantity_in_transit) / recent.weekly_demand)::decimal(18, 2) as weeks
    from fulfillment.finished_goods_inventory as shelves
    join recent using (product_id)
    where recent.weekly_demand > 0
)
select
    product_id,
    sku,
    warehouse_location,
    quantity_available,
    quantity_in_transit,
    weekly_demand,
    weeks as weeks_of_supply,
    quantity_available <= 0 as is_out_of_stock
from cover
-- four weeks is what suppliers take by their own word when nothing else is known
where weeks < 4
