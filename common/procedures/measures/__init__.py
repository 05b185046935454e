"""What can be measured on masks and scores without training: one function a measure.

Each takes the stage of a run and returns rows of (split, metric, value); `common.names.MEASURES`
names them, a file a subject.
"""
