"""IAM is enforced: permissions, policies, conditions and words."""
