"""The nouns: what crosses from Python to JSON to TypeScript to a button, spelt the same everywhere.

`scripts/schema_ts.py` writes `web/src/api/schema.gen.ts` from these files. Floats that are not finite
travel as the strings "NaN", "Infinity" and "-Infinity" (`Number`), because JSON has no word for them. In `Run.config`,
where texts may say so too, they and whole numbers beyond 2**53 travel as {"number": "9007199254740993"}.
"""
