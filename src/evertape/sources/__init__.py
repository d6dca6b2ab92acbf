"""One file a source: a vendor's manners, and the feeds by which it answers for datasets."""
