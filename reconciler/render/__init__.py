"""Plan and status as text, JSON and Markdown. Decides nothing."""
