"""Cloud Run's version 1, to be read: what `gcloud run` asks for. Everything is made and changed through version 2."""
