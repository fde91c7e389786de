"""What a user may write: the models of mlservice.yaml, its loader and its checks."""
