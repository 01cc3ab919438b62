"""The inner workings of a classifier: does its map depend on what it learned, what do its layers compute, how does its loss change."""
