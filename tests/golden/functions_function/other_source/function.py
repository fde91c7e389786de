"""Stands for a later retraining function: something that starts."""


def main(request):
    """Answer anything."""
    del request
    return "other"
