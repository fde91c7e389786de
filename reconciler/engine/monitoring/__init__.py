"""What Vertex AI's monitors measured of a service's predictions, judged as the retraining function judges it."""
