"""`foldline inspect`: one line with its value ranges, as a picture and as text."""
