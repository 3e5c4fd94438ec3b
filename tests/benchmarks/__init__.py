"""How fast and how small the package is, in ratios: `python3 -m tests.benchmarks` from the root of the project.

What is compared, in one run on one machine: the package as it stands in this folder; the published package 1.7.0, which
is installed into an environment of its own outside this folder; and a floor, the least that Python needs for the job.
The three take turns, so that whatever else the machine does hits them alike. Beside each goal
of the design stands whether it is met: README.md here has what each group measures, and what was tried.

`environment`, `process`, `measure`, `documents`, `report` and `chart` are the tools. `server` and `worker` run in processes of
their own. Every other module measures one group of rows: its `measure(bench)` yields what `report` can show.
"""
