"""Files: the one room where any is opened, and who else could have had a hand in it."""
