"""What the other rooms hand to each other: rows and tensors, requests and answers. Knows no model and no protocol."""
