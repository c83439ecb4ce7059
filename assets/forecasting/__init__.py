"""The tables of forecasting, and the method behind them."""
