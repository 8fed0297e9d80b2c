"""What a site tells of its data: profiles, drift and a report, all of them aggregates over groups."""
