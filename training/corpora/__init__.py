"""Readers of the corpora: from files as they are downloaded to samples.

Begin with `registry` (which corpora there are), `reader` (items and readers) and `sample` (what comes out); every
other file is one data set, one kind of container or one step of decoding.
"""
