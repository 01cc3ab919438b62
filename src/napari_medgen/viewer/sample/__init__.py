"""**Sample volumes**: view and coordinator."""
