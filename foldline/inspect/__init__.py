"""`foldline inspect`: the value ranges of one line, as a picture and as text."""
