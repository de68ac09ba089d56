"""The checks in their order, run one after the other, and the report that comes of them."""
