"""Functions of GoogleSQL that DuckDB lacks, or that do otherwise there."""

ZERO = "error('division by zero: ' || CAST(a AS VARCHAR) || ' / ' || CAST(b AS VARCHAR))"
BY_ZERO = (
    "WHEN a = 0 OR isnan(CAST(a AS DOUBLE)) THEN CAST('nan' AS DOUBLE)"
    " WHEN a > 0 THEN CAST('inf' AS DOUBLE) WHEN a < 0 THEN CAST('-inf' AS DOUBLE)"
)
TEXT = "CAST(a AS VARCHAR)"
SHORT = (
    f"CASE WHEN typeof(a) LIKE 'DECIMAL%' AND contains({TEXT}, '.') THEN rtrim(rtrim({TEXT}, '0'), '.')"
    f" WHEN typeof(a) = 'DOUBLE' THEN regexp_replace({TEXT}, '[.]0$', '') ELSE {TEXT} END"
)
MACROS = (
    f"bq_string(a) AS {SHORT}",
    f"bq_div(a, b) AS CASE WHEN b = 0 THEN {ZERO} ELSE a / b END",
    f"bq_intdiv(a, b) AS CASE WHEN b = 0 THEN {ZERO} ELSE a // b END",
    f"bq_mod(a, b) AS CASE WHEN b = 0 THEN {ZERO} ELSE a % b END",
    f"ieee_divide(a, b) AS CASE WHEN b <> 0 THEN a / b {BY_ZERO} END",
    "safe_add(a, b) AS TRY(a + b)",
    "safe_subtract(a, b) AS TRY(a - b)",
    "safe_multiply(a, b) AS TRY(a * b)",
    "safe_negate(a) AS TRY(-a)",
)
