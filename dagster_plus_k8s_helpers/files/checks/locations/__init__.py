"""What is wrong with the files of code locations."""
