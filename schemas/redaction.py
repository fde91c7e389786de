"""What looks like a secret, by name, by shape and by randomness, so that no plan, log or message shows it.

The one place that knows. Values of `env` are no secrets by contract, and people put tokens there all the same;
addresses carry passwords; a secret's value is pasted where its name belongs. What is hidden here by mistake is still
applied as it is: only the reader misses it. So in doubt it is hidden.

Source:
    Prefixes are those that the issuers document for secret scanning; the lengths are theirs or a little less.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

HIDDEN = "(hidden)"

_TEXT = r"[^\s\"'\\<>]"
_SHAPES = re.compile(
    "|".join(
        (
            # Keys as files. In JSON their line ends are two characters.
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END).)*(?:-----END [A-Z0-9 ]*-----)?",
            r"AGE-SECRET-KEY-1[0-9A-Z]{10,}",
            # Google
            r"AIza[0-9A-Za-z_-]{30,}",
            r"ya29\.[0-9A-Za-z_-]{10,}",
            r"1//0[0-9A-Za-z_-]{10,}",
            r"GOCSPX-[0-9A-Za-z_-]{10,}",
            # Code hosting, packages, containers
            r"gh[pousr]_[0-9A-Za-z]{16,}",
            r"github_pat_[0-9A-Za-z_]{12,}",
            r"gl(?:pat|dt|rt|ptt|cbt)-[0-9A-Za-z_.-]{12,}",
            r"npm_[0-9A-Za-z]{20,}",
            r"pypi-[0-9A-Za-z_-]{16,}",
            r"dckr_(?:pat|oat)_[0-9A-Za-z_-]{16,}",
            r"ATATT3[0-9A-Za-z_=-]{16,}",
            # Other clouds and infrastructure
            r"(?<![0-9A-Z])(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,16}",
            r"do[opr]_v1_[0-9a-f]{20,}",
            r"hv[sbr]\.[0-9A-Za-z_-]{16,}",
            r"[0-9A-Za-z]{10,}\.atlasv1\.[0-9A-Za-z_-]{16,}",
            r"dapi[0-9a-f]{32}",
            r"pul-[0-9a-f]{32,}",
            r"dp\.(?:pt|st|ct|sa)\.[0-9A-Za-z.]{16,}",
            r"glsa_[0-9A-Za-z_]{16,}",
            r"NRAK-[0-9A-Z]{16,}",
            # Machine learning
            r"sk-[0-9A-Za-z_-]{16,}",
            r"hf_[0-9A-Za-z]{16,}",
            r"r8_[0-9A-Za-z]{16,}",
            r"nvapi-[0-9A-Za-z_-]{16,}",
            r"gsk_[0-9A-Za-z]{16,}",
            r"pcsk_[0-9A-Za-z_]{16,}",
            # Messages and money
            r"xox[abeprs]-[0-9A-Za-z-]{8,}",
            r"xapp-[0-9A-Za-z-]{8,}",
            r"SG\.[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
            r"(?<![0-9A-Za-z])(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])",
            r"(?:(?<![0-9A-Za-z-])|(?<=--))key-[0-9a-f]{32}",
            r"[rs]k_(?:live|test)_[0-9A-Za-z]{10,}",
            r"whsec_[0-9A-Za-z+/=]{16,}",
            r"sq0[a-z]{3}-[0-9A-Za-z_-]{16,}",
            r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}",
            r"lin_api_[0-9A-Za-z]{16,}",
            r"(?<![0-9])[0-9]{8,10}:AA[0-9A-Za-z_-]{30,}",
            # Tokens
            r"eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*){1,4}",
            rf"(?<=[Bb]earer ){_TEXT}{{8,}}",
            r"(?<=[Bb]asic )[0-9A-Za-z+/=]{8,}",
        )
    ),
    re.DOTALL,
)
_HOOKS = re.compile(
    r"(?<=hooks\.slack\.com/services/)[0-9A-Za-z/_-]{8,}|(?<=/api/webhooks/)[0-9A-Za-z/_-]{8,}"
    r"|(?<=/webhookb2/)[0-9A-Za-z@/_-]{8,}|(?<=api\.telegram\.org/bot)[0-9A-Za-z:_-]{8,}"
)
# What stands before `@host` in an address, with a scheme or, as in an image's reference, without. An address that was
# taken for a path has one slash.
_USER_INFO = re.compile(
    r"(?<=[a-z0-9]{2}:/)[^\s/@\"'\\]*:[^\s/@\"'\\]+(?=@)|(?<=://)[^\s/@\"'\\]*:?[^\s/@\"'\\]+(?=@)|(?<![\w/@.+-])[\w.+-]+:[^\s/@\"':]+(?=@[\w.-]+[/:])"
)
_PARAMETER = re.compile(
    r"(?:(?<=[?&;\s,])|^)(?:[\w.-]*(?:sig|signature|token|secret|password|passwd|passphrase|pwd|apikey|api_key|"
    r"access_key|accountkey|sharedaccesskey|sharedaccesssignature|client_secret|credential|code)|key)"
    r"\s?=\s?(?P<value>[^&;\s\"'\\,]+)",
    re.IGNORECASE,
)
_JSON_FIELD = re.compile(
    r"\"[\w.-]*(?:private_key|secret|token|password|passwd|passphrase|apikey|api_key)\\?\"\s*:\s*\\?\"(?P<value>(?:[^\"\\]|\\.)+)",
    re.IGNORECASE,
)

_SECRET_NAME = re.compile(
    r"TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|PRIVATE|CREDENTIAL|(?<![A-Z])KEYS?(?![A-Z])|APIKEY|ACCESSKEY|SIGNATURE|SALT(?![A-Z])"
    r"|(?<![A-Z])(?:PASS|PWD|PAT|AUTH|DSN|CONN|JWT|COOKIE)(?![A-Z])|CONNECTION_?STR|WEBHOOK",
    re.IGNORECASE,
)
"""Words of names. KEY and the short ones only as words of their own: not MONKEY, COMPASS or PATH."""

_SAID_TO_BE_OTHERWISE = re.compile(
    r"(?:_|^)(?:FILE|PATH|DIR|NAME|ID|IDS|TYPE|TTL|LENGTH|LEN|LIMIT|COUNT|SIZE|BUDGET|EXPIRY|EXPIRES|PREFIX|HEADER|FIELD|"
    r"COLUMN|URL|URI|ENDPOINT|HOST|ISSUER|AUDIENCE|ENABLED|ALGORITHM|MODE|VERSION|PROVIDER)$|(?:PARTITION|SORT|PRIMARY|FOREIGN|CACHE|ROUTING|PUBLIC)_?KEY",
    re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(
    r"[-+]?[0-9][0-9.,_]*|true|false|yes|no|on|off|none|null|auto|/[\w./-]*|\[[\d, ]*\]", re.IGNORECASE
)

_RUN = re.compile(r"[0-9A-Za-z+_-]{20,}={0,2}|[0-9A-Za-z+/]{32,}={0,2}")
_JOINT = re.compile(r"[-_]")  # of words that make a name; rare in random text
_LEAST_RUN = 16
_LEAST_OF_EACH = 2
_BITS = 3.8
"""Shannon entropy per character above which a mixed run of letters and digits is no word and no name of anything."""


def secret_name(name: str) -> bool:
    """Tell whether a name says that what it holds is not for every eye: `DB_PASSWORD`, and not `KEY_FILE`."""
    return bool(_SECRET_NAME.search(name)) and not _SAID_TO_BE_OTHERWISE.search(name)


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a named value is to be hidden.

    Args:
        name: What it is called, such as the name of an environment variable.
        value: The value, as text.
    """
    if not value:
        return False
    if secret_name(name) and not _PLAIN_VALUE.fullmatch(value):
        return True
    return any(True for _ in secrets_in(value))


def secrets_in(text: str) -> Iterator[tuple[int, int]]:
    """Give where in a text something stands that looks like a secret: start and end, unsorted, perhaps overlapping."""
    for pattern in (_SHAPES, _HOOKS, _USER_INFO):
        for found in pattern.finditer(text):
            yield found.span()
    for pattern in (_PARAMETER, _JSON_FIELD):
        for found in pattern.finditer(text):
            if not _PLAIN_VALUE.fullmatch(found["value"]) and found["value"] != HIDDEN:
                yield found.span("value")
    for found in _RUN.finditer(text):
        if any(map(_random, _JOINT.split(found[0].rstrip("=")))):
            yield found.span()


def _random(run: str) -> bool:
    """Tell random text from words: it is long, mixes upper and lower case and digits, and repeats itself little."""
    if len(run) < _LEAST_RUN:
        return False
    upper, lower, digits = (sum(map(test, run)) for test in (str.isupper, str.islower, str.isdigit))
    if min(upper, lower, digits) < _LEAST_OF_EACH:
        return False
    counts = Counter(run)
    entropy = -sum(n / len(run) * math.log2(n / len(run)) for n in counts.values())
    return entropy >= min(_BITS, math.log2(len(run)) - 0.5)


def redacted(text: str) -> str:
    """Give a text with everything in it hidden that looks like a secret."""
    done = text
    for start, end in reversed(merged(secrets_in(text))):
        done = f"{done[:start]}{HIDDEN}{done[end:]}"
    return done


def merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch or overlap, sorted."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
