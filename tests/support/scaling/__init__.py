"""A simulation of autoscaling in virtual time: the real monitor's polls and judgements, simulated workers.

`loads.py` makes jobs, `cluster.py` runs them, `broker.py` shows them to the monitor, `autoscalers.py`
decides, `trial.py` puts them together.
"""
