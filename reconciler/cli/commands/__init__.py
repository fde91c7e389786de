"""One module per command; what the orders about rollouts share is `ordering`."""
