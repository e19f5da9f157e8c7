"""How the admin writes times, whatever Django's own habits in a language are."""
