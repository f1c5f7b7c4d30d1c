"""Who may reach the app and as whom: the guard before everything, logins, limits, and the headers of every answer."""
