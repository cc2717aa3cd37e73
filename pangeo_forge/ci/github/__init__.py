"""What automation says to GitHub: comments, issues, pictures; and what it asks of it. One small client, no other package."""
