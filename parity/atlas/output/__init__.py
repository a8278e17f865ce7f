"""Makes text of the results: sentences, programs that show a finding, and the Markdown page."""
