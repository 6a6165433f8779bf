"""Pictures of the data and of the forecasts, and the page that shows them."""
