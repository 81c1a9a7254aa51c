"""Comparing runs by what their folders say. No TensorFlow here: a thousand runs are read in a second or two."""
