"""The page: shows what passes of the job left in the state bucket, and asks nothing else of Google Cloud.

A program of its own, of documents alone (docs/decisions/088-the-page-reads-documents.md): it never writes, and what it
may read are two prefixes of one bucket.
"""
