"""What seqio and T5 have, and files of theirs use, but t5mix itself has no need of; the faces beside this hand it out.

`tf_examples`: dicts of tensors as `tf.train.Example`, and nested dicts as flat ones.
`transforms`: arguments and names of functions.
`cached_paths`: where seqio's caches have their files, and files by pattern.
`providers`: base classes and types of annotations.
`no_registry`: declaring without registering.
`fakes/`: examples, vocabularies and test cases for tests of one's own.
"""
