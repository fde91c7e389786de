"""The model server: what runs in Google Cloud on the user's behalf."""
