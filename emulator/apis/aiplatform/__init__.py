"""Vertex AI, as far as retraining needs it: the model registry, custom jobs, pipeline jobs.

Source: kinds.md section 7, constraints.md section 9, recordings vertex_model, vertex_custom_job, vertex_pipeline_job;
the message comments of google-cloud-aiplatform 2.7.0. Not there: endpoints, batch predictions, evaluations, tuning
jobs, copying and exporting models. Version v1beta1 has the same objects, over REST.
"""
