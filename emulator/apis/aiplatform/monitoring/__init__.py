"""Model Monitoring v2 of Vertex AI: monitors, their jobs and schedules, what jobs find.

Source: model_monitoring.md; the message comments of google-cloud-aiplatform 2.7.0, version v1beta1. Nothing of it was
recorded from Google. Where a datum comes from is one interface, `tables.Tables`.
"""
