"""Results that somebody else published, and the strategies and configurations that have to give them."""
