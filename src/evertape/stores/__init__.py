"""Where rows, coverage and jobs are kept. Foreign database errors become StoreErrors here."""
