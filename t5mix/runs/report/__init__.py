"""A run as one page of HTML that needs no network (`t5mix report`).

content.py    what a run folder holds of it: logs, shares, scores, predictions
figures.py    drawn, each as an SVG
tables.py     told in tables
examples.py   examples with their predictions
page.py       put together; page.css and page.js are part of it
"""
