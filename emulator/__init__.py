"""Google Cloud on a laptop: a separate program that behaves as the APIs do."""
