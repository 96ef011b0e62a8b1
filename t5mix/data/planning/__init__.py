"""What a stream feeds in so many steps, found without making a batch.

feed_plan.py    the numbers, for each task and in all
tallies.py      tokens of the examples that are fed, and what trimming takes of them
finder.py       the window for which an example is drawn, by which the next two find steps
first_fed.py    the first step that feeds an example
repetitions.py  the step at which a task's examples begin to come again
planner.py      all of it, of one stream
"""
