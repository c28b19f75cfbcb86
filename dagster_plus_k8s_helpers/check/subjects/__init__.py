"""What the rules look at: jobs as they are written, pods as they are planned, and what is waived."""
