"""Who is who: service accounts, their tokens, and the policies that give them roles."""
