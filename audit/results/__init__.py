"""Results of an audit: kept while it runs, counted, and printed."""
