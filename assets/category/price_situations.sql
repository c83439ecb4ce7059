-- about: One row per active product with a price: what its next list price would follow from.
-- column: product_id | The product.
-- column: sku | Its SKU.
-- column: product_name | Its name.
-- column: category | Its category.
-- column: price | The list price.
-- column: prices | The list prices in force in the last 30 days, the present one first; an overridden change begins anew.
-- column: price_set_on | The day the price was last set.
-- column: days_unchanged | Days since then.
-- column: cost | What a piece costs; null while unknown.
-- column: cost_before | What it cost on the day the price was set; null when unknown then.
-- column: margin_rate | (price - cost) / price; null without a cost.
-- column: competitors | What competitors asked in the last 30 days, the latest of each: competitor, price, days since seen.
-- column: competitors_count | How many.
-- column: competitor_price | Geometric mean of their prices; null when none was seen.
-- column: recent_demand | Mean pieces a week in the last 4 whole weeks.
-- column: quarter_demand | Mean pieces a week in the last 13 whole weeks, or in those since its first.
-- column: demand_deviation | Standard deviation of those weeks; null with less than 13.
-- column: quantity_available | Pieces that may be promised, all locations.
-- column: quantity_in_transit | Pieces on their way in.
-- column: cover_weeks | Weeks that both last at `quarter_demand`; null without demand.
-- column: lead_time_weeks | Mean weeks from ordering to goods.
-- column: is_to_be_ordered | Goods of it are to be ordered now: it is in procurement.reorders_due.
-- expect: price > 0
-- expect: competitors_count = len(competitors)
-- expect: cover_weeks is null or cover_weeks >= 0
with changes as (
    select aggregate_id as product_id, version, effective_at, old_price, is_overridden
    from facts.product_price_updated
),
fresh_start as (
    select product_id, max(version) as version from changes where is_overridden group by product_id
),
recent_changes as (
    -- a day more than the rule's 30, so that a price offered here is never refused for the hour of the day
    select changes.product_id, list(changes.old_price order by changes.version desc) as prices
    from changes
    left join fresh_start using (product_id)
    where (changes.effective_at at time zone getvariable('time_zone'))::date >= getvariable('today') - 31
      and changes.version > coalesce(fresh_start.version, 0)
    group by changes.product_id
),
price_set as (
    select aggregate_id as product_id, max(effective_at) as at
    from (
        select aggregate_id, effective_at from facts.product_created
        union all by name
        select aggregate_id, effective_at from facts.product_price_updated
    )
    group by aggregate_id
),
costs as (
    select aggregate_id as product_id, effective_at, version, cost from facts.product_created
    union all by name
    select aggregate_id as product_id, effective_at, version, new_cost as cost from facts.product_cost_updated
),
costs_before as (
    select costs.product_id, arg_max(costs.cost, costs.version) as cost
    from costs
    join price_set using (product_id)
    where costs.effective_at <= price_set.at
    group by costs.product_id
),
seen as (
    select sku, competitor, price, (getvariable('today') - observed_on)::integer as days
    from facts.competitor_price_observed
    where observed_on between getvariable('today') - 30 and getvariable('today') and price > 0
    qualify row_number() over (partition by sku, competitor order by observed_on desc, version desc) = 1
),
market as (
    select
        sku,
        list(struct_pack(competitor := competitor, price := price, days := days) order by competitor) as competitors,
        exp(avg(ln(price::double)))::decimal(18, 2) as price
    from seen
    group by sku
),
asked_for as (
    select
        product_id,
        coalesce(sum(quantity) filter (where weeks_ago <= 4), 0) / 4 as recent,
        avg(quantity) as quarter,
        if(count(*) = 13, stddev_samp(quantity), null) as deviation
    from (
        select
            product_id,
            quantity,
            ((date_trunc('week', getvariable('today'))::date - week_start) / 7)::integer as weeks_ago
        from forecasting.demand
    )
    where weeks_ago between 1 and 13
    group by product_id
),
shelves as (
    select
        product_id,
        sum(quantity_available)::bigint as available,
        sum(quantity_in_transit)::bigint as in_transit
    from fulfillment.finished_goods_inventory
    group by product_id
)
select
    products.id as product_id,
    products.sku,
    products.name as product_name,
    products.category,
    products.base_price as price,
    list_prepend(products.base_price, coalesce(recent_changes.prices, [])) as prices,
    (price_set.at at time zone getvariable('time_zone'))::date as price_set_on,
    (getvariable('today') - (price_set.at at time zone getvariable('time_zone'))::date)::integer as days_unchanged,
    products.cost,
    costs_before.cost as cost_before,
    products.margin_rate,
    coalesce(market.competitors, []) as competitors,
    len(coalesce(market.competitors, [])) as competitors_count,
    market.price as competitor_price,
    coalesce(asked_for.recent, 0)::decimal(18, 2) as recent_demand,
    coalesce(asked_for.quarter, 0)::decimal(18, 2) as quarter_demand,
    asked_for.deviation::decimal(18, 4) as demand_deviation,
    coalesce(shelves.available, 0) as quantity_available,
    coalesce(shelves.in_transit, 0) as quantity_in_transit,
    if(
        asked_for.quarter > 0,
        greatest(coalesce(shelves.available, 0) + coalesce(shelves.in_transit, 0), 0) / asked_for.quarter,
        null
    )::decimal(18, 1) as cover_weeks,
    (list_avg(times.lead_time_days) / 7)::decimal(9, 2) as lead_time_weeks,
    due.product_id is not null as is_to_be_ordered
from category.products as products
join price_set on price_set.product_id = products.id
join procurement.lead_times as times on times.product_id = products.id
left join recent_changes on recent_changes.product_id = products.id
left join costs_before on costs_before.product_id = products.id
left join market on market.sku = products.sku
left join asked_for on asked_for.product_id = products.id
left join shelves on shelves.product_id = products.id
left join procurement.reorders_due as due on due.product_id = products.id
where products.active and products.base_price > 0
