"""Orders: from the cart to the last delivery."""
