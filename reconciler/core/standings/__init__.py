"""What is kept of each service for people to look at (`schemas.kept.Standings`): plain data, within its bounds."""
