"""What people use: protocol rules, chain client, roles, audit and command line."""
