-- about: One row per product of the catalog, as it stands now.
-- column: id | The product.
-- column: sku | Stock-keeping unit, unique.
-- column: name | Name on pages and papers.
-- column: description | Words for the catalog.
-- column: category | tank_pump, pressure_pump, borewell_pump, drainage_pump, accessory or spare_part.
-- column: specifications | Technical data: flow in m³/h, head in m, power in W, and the duty curve's points.
-- column: pack_quantity | Pieces in a pack.
-- column: images | Addresses of pictures, oldest first.
-- column: documents | Addresses of manuals and data sheets, oldest first.
-- column: base_price | List price of a piece, in `currency`.
-- column: cost | What a piece costs the company; null while unknown, in `currency`.
-- column: margin_rate | (base_price - cost) / base_price; null without a cost or a price.
-- column: currency | ISO 4217 code of the prices.
-- column: version | Number of the newest event of its stream.
-- column: last_event_id | The newest event of its stream.
-- column: created_at | When it entered the catalog.
-- column: updated_at | When it last changed.
-- column: active | False once it left the catalog.
-- expect: base_price >= 0
-- expect: cost is null or cost >= 0
-- expect: sku is not null and sku <> ''
with described as (
    select aggregate_id, version, name, description, category, specifications from facts.product_created
    union all by name
    select aggregate_id, version, name, description, category, specifications from facts.product_described
),
priced as (
    select aggregate_id, version, base_price as price from facts.product_created
    union all by name
    select aggregate_id, version, new_price as price from facts.product_price_updated
),
costed as (
    select aggregate_id, version, cost from facts.product_created where cost is not null
    union all by name
    select aggregate_id, version, new_cost as cost from facts.product_cost_updated
),
media as (
    select
        aggregate_id,
        list(url order by version) filter (where kind = 'image') as images,
        list(url order by version) filter (where kind = 'document') as documents
    from facts.product_media_attached
    group by aggregate_id
),
activity as (
    select aggregate_id, version, true as active from facts.product_created
    union all by name
    select aggregate_id, version, false as active from facts.product_deactivated
    union all by name
    select aggregate_id, version, true as active from facts.product_reactivated
),
touches as (
    select aggregate_id, version, event_id, effective_at from facts.product_created
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_described
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_price_updated
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_cost_updated
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_media_attached
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_deactivated
    union all by name
    select aggregate_id, version, event_id, effective_at from facts.product_reactivated
),
words as (
    select
        aggregate_id,
        arg_max(name, version) as name,
        arg_max(description, version) as description,
        arg_max(category, version) as category,
        arg_max(specifications, version) as specifications
    from described
    group by aggregate_id
),
prices as (select aggregate_id, arg_max(price, version) as price from priced group by aggregate_id),
costs as (select aggregate_id, arg_max(cost, version) as cost from costed group by aggregate_id),
states as (select aggregate_id, arg_max(active, version) as active from activity group by aggregate_id),
newest as (
    select
        aggregate_id,
        max(version) as version,
        arg_max(event_id, version) as event_id,
        arg_max(effective_at, version) as updated_at
    from touches
    group by aggregate_id
)
select
    created.aggregate_id as id,
    created.sku,
    words.name,
    words.description,
    words.category,
    words.specifications,
    created.pack_quantity,
    coalesce(media.images, []) as images,
    coalesce(media.documents, []) as documents,
    prices.price as base_price,
    costs.cost,
    ((prices.price - costs.cost) / nullif(prices.price, 0))::decimal(9, 6) as margin_rate,
    created.currency,
    newest.version,
    newest.event_id as last_event_id,
    created.effective_at as created_at,
    newest.updated_at,
    states.active
from facts.product_created as created
join words using (aggregate_id)
join prices using (aggregate_id)
join states using (aggregate_id)
join newest using (aggregate_id)
left join costs using (aggregate_id)
left join media using (aggregate_id)
