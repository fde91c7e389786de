"""Cloud Storage: the JSON API, v1, as google-cloud-storage and gcloud speak it.

A call arrives in `app`, is matched in `methods`, and runs in one of `buckets`, `objects`, `listing`, `media`,
`uploads`, `policy`, `notifications`. `records` keeps metadata in the store, `content` the bytes. Left out: ACLs, soft
delete, retention, lifecycle, HMAC keys, customer-supplied keys; these answer 501 or, where the client only asks for
them to be shown, are not shown.
"""
