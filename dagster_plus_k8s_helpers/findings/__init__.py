"""What checks have to say: findings, the rules they come from, waivers, and their written forms."""
