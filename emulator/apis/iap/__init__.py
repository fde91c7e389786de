"""Identity-Aware Proxy before Cloud Run services: who may sign in (`api`), what it does to requests (`door`), its keys.

Google publishes its client (google-cloud-iap), which nobody here needs: the three methods of policies are in
`additions.json`. Brands, OAuth clients, settings and tunnels are not emulated.
"""
