"""Documents to what a view shows, as plain data: what templates render and what `.json` gives is one thing. Pure."""
