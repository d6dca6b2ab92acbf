"""Planning, running and reporting: what is due becomes a plan, a plan becomes a job."""
