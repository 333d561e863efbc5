"""Statistics over the columns of a CSV file that lies in the package.

The event names the columns, and may name values that rows must have:

    {"columns": ["temperature_c", "rain_mm"], "where": {"station": "harbour"}}
"""

import csv
import statistics
from pathlib import Path

# Read once per environment: warm starts find it in memory.
DATA = Path(__file__).parent / "data" / "weather.csv"
with DATA.open(newline="") as file:
    ROWS = list(csv.DictReader(file))


def handler(event, context):
    columns = event.get("columns") or numeric_columns()
    rows = [row for row in ROWS if matches(row, event.get("where", {}))]
    print(f"{len(rows)} of {len(ROWS)} rows, columns {', '.join(columns)}")
    return {
        "rows": len(rows),
        "columns": {column: describe(column, rows) for column in columns},
    }


def matches(row, where):
    return all(row.get(column) == str(value) for column, value in where.items())


def describe(column, rows):
    if column not in ROWS[0]:
        raise KeyError(f"no column {column!r}; there are {', '.join(ROWS[0])}")
    texts = [row[column] for row in rows]
    values = [float(text) for text in texts if text]
    if not values:
        return {"count": 0, "missing": len(texts)}
    return {
        "count": len(values),
        "missing": len(texts) - len(values),
        "min": min(values),
        "median": round(statistics.median(values), 3),
        "mean": round(statistics.fmean(values), 3),
        "max": max(values),
        "stdev": round(statistics.pstdev(values), 3),
    }


def numeric_columns():
    return [column for column in ROWS[0] if is_number(ROWS[0][column])]


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
