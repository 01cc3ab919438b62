"""Numbers with intervals: ROC areas, agreement, calibration, and the bootstrap behind them."""
