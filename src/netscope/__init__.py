"""netscope shows what a neural network is, what it computes and how it learns.

>>> import netscope
>>> run = netscope.init(dir="runs", config={"lr": 0.1})
>>> run.log({"loss": 0.3})
>>> run.finish()
"""

__version__ = "0.1.0"
