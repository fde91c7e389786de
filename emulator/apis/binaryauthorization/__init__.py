"""Binary Authorization: `api` answers its methods, `admission` says whether an image may be deployed."""
