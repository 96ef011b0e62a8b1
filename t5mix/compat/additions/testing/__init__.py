"""What `t5mix.test_utils` hands out for tests of one's own, besides running a task.

`comparing`: datasets and dicts compared.
`vocabularies`: small vocabularies, made on the spot.
`fake_examples`: a few examples and steps on them.
`fake_tasks`: test cases that declare tasks of these examples.
"""
