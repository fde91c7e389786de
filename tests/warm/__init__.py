"""Our programs as processes of their own that need not import everything anew.

A process that has imported what a program imports forks for each run of it. What runs is a process like any other: its
own pid, folder, environment, standard streams, signals and exit. What is saved is the second that most runs of a
command spend importing. What imports are about is tested with programs that start afresh (`tests/start_up`).
"""

from tests.warm.door import door, program
from tests.warm.process import Process
from tests.warm.stock import Stock, commands, emulators, gcloud, model_servers

__all__ = ["Process", "Stock", "commands", "door", "emulators", "gcloud", "model_servers", "program"]
