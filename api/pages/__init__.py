"""The storefront: pages of the catalog, the cart, the checkout and the buyer's own things."""
