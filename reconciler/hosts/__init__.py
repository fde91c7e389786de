"""Code hosts: the one comment of ours on a pull request, at GitHub and at GitLab."""
