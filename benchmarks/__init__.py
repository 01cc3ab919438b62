"""Side-by-side measurements that print ratios: ``make bench`` or ``python -m benchmarks``."""
