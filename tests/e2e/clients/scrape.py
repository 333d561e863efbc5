"""Reads the metrics as Prometheus would, with its own parser, and prints the name of each family.

Not a scenario: it takes the address of the metrics, and talks to no AWS API.
"""

import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def main():
    with urllib.request.urlopen(sys.argv[1]) as answer:
        text = answer.read().decode()
    seen = set()
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} has no help"
        assert family.type != "unknown", f"{family.name} has no type"
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            assert series not in seen, f"{series} stands twice"
            seen.add(series)
        # The parser leaves the ending of counters out, which is part of the name that people look for.
        print(family.name + ("_total" if family.type == "counter" else ""))


main()
