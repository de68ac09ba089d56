"""The image of the instances: made with Packer, published, and older ones removed."""
