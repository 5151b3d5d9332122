"""Readers of the corpora: from files as they are downloaded to samples."""
