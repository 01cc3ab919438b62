"""The window in which a reader study is read, and the one that its manager looks at."""
