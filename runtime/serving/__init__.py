"""A request's way inside, whatever door it came through: models, queues, endpoints."""
