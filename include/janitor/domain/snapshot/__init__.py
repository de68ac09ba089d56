"""A deployment at one instant, as every face shows it, and what of it somebody has to know of."""
