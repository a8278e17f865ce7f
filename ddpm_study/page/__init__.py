"""The report page of a run, made from its records: verdict, tables and pictures."""
