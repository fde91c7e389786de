"""Resource Manager v3: projects and their policies; of version 1 what gcloud asks."""
