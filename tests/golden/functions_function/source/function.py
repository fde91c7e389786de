"""Stands for the retraining function: something that starts."""


def main(request):
    """Answer anything."""
    del request
    return "churn"
