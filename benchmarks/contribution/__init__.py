"""What payment rules pay honest and scheming experts, and how fast they are computed."""
