"""The subcommands of `mnif`: what each takes, and how it is explained."""
