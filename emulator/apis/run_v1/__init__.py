"""Cloud Run's version 1, in which `gcloud run` speaks: another form of what version 2 keeps and does."""
