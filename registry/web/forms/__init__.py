"""What people type, made into what services take; one file a noun."""
