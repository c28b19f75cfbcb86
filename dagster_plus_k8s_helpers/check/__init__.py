"""What is wrong with definitions and files together: the rules, and who asks them."""
