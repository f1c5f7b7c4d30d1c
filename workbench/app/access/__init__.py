"""Access to the app: the guard in front of every route, logins, limits, and the headers of every response."""
