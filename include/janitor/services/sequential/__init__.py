"""A run whose repositories take turns on one instance: its order, its turns, its cache volume, its log, its reports."""
