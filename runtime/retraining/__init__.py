"""The retraining function: an event comes in, and exactly one guarded training starts, or a reason why not is kept.

It runs under functions-framework on Cloud Functions, in a folder of its own: nothing here imports the model server.
"""
