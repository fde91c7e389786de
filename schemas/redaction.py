"""What looks like a secret, by name, by shape and by randomness, so that no plan, log or message shows it.

The one place that knows. Values of `env` are no secrets by contract, and people put tokens there all the same;
addresses carry passwords; a secret's value is pasted where its name belongs. What is hidden here by mistake is still
applied as it is: only the reader misses it. So in doubt it is hidden.

Whoever may write a file that we show chooses what is read here, so its time grows with the length of a text and no
faster: each pattern begins at few places of a run of characters, or reads a bounded number of them from each, and none
is given more than a window of the text at once.

Source:
    Prefixes are those that the issuers document for secret scanning; the lengths are theirs or a little less.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

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
            r"(?<![0-9A-Za-z])[0-9A-Za-z]{10,}\.atlasv1\.[0-9A-Za-z_-]{16,}",
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
            r"eyJ[0-9A-Za-z_-]{8,512}+(?:\.[0-9A-Za-z_-]*){1,4}",
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
    r"(?<=[a-z0-9]{2}:/)[^\s/@\"'\\:]*:[^\s/@\"'\\]++(?=@)|(?<=://)[^\s/@\"'\\]++(?=@)|(?<![\w/@.+-])"
    r"(?!serviceAccount:[a-z][a-z0-9-]{0,62}@[a-z0-9.-]{1,99}\.gserviceaccount\.com)"
    r"[\w.+-]+:[^\s/@\"':]++(?=@[\w.-]+[/:])"
)
_PARAMETER = re.compile(
    r"(?:(?<=[?&;\s,:/{(|\[])|^)(?P<name>[\w.-]+)\s?=\s?(?P<value>[^&;\s\"'\\,]+)",
)
_PARAMETER_NAME = re.compile(
    r"(?:.*(?:sig|signature|token|secret|password|passwd|passphrase|pwd|apikey|api_key|access_key|accountkey|"
    r"sharedaccesskey|sharedaccesssignature|client_secret|credential|code)|key)",
    re.IGNORECASE,
)
# A header, or a line of YAML: `X-Api-Key: …`, `password: …`. What is a word of ours, such as `secrets.TOKEN`, is none.
_FIELD = re.compile(
    r"(?<![\w.-])(?:\\n)?(?:[\w-]*(?:password|passwd|passphrase|passcode|api[-_]?key|auth[-_]token|access[-_]token|"
    r"access[-_]key|secret[-_]key|client[-_]secret|private[-_]key|private[-_]token|vault[-_]token|subscription[-_]key)"
    r"|pwd|cookie|set-cookie)[ \t]*:[ \t]+\\?[\"']?(?P<value>[^\s\"'\\,;]+)",
    re.IGNORECASE,
)
# An option and its value, apart: `--password …`; `-p …` and `-p…` where a user is named or a program takes it so.
_OPTION = re.compile(
    r"(?<![\w-])--?[\w-]*(?:password|passwd|passphrase|passcode|pass|pwd|token|secret|api-?key|access-?key|secret-?key|"
    r"private-?key|credentials?)(?:[ \t]+|\"?,[ \t]*\"?)(?P<value>[^\s\"'\\,-][^\s\"'\\,]*)",
    re.IGNORECASE,
)
_SHORT_OPTION = re.compile(
    r"(?:^|\b(?:mysql\w*|mariadb\w*|mongo\w*|sshpass|sqlcmd|docker login|podman login|htpasswd|cqlsh)\b"
    r"[^\n|;&]{0,250}?\s"
    r"|(?<![\w-])(?:-u ?|--user(?:name)?[ =])[^\s-][^\n|;&]{0,250}?\s)-p[ ]?(?P<value>[^\s\"'\\,-][^\s\"'\\,]*)"
)
_NETRC = re.compile(r"\b(?:machine|login|user)\s+\S+\s+(?:\S+\s+){0,4}?password\s+(?P<value>[^\s\"'\\,]+)")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""What is not seen, and splits a word that would be."""

_FIELDS = "private_key|secret|token|password|passwd|passphrase|apikey|api_key"
_SECRET_FIELD = re.compile(rf"(?:{_FIELDS})$", re.IGNORECASE)
_JSON_FIELD = re.compile(
    rf"\"[\w.-]*(?:{_FIELDS})\\?\"\s*:\s*\\?\"(?P<value>(?:[^\"\\]|\\.)+)",
    re.IGNORECASE,
)

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[.-]")
_SECRET_NAME = re.compile(
    r"TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|PASSCODE|PRIVATE|CREDENTIAL|(?<![A-Z])(?:KEYS?|CREDS?)(?![A-Z])|SIGNATURE"
    r"|(?:API|ACCESS|SSH|ENCRYPTION|SIGNING|MASTER|ACCOUNT|DEPLOY|STORAGE|SHARED|CIPHER|AES|HMAC|LICENSE|AUTH)KEYS?(?![A-Z])"
    r"|(?<![A-Z])(?:PASS|PWD|PW|PAT|AUTH|AUTHORIZATION|DSN|CONN|JWT|COOKIE|OTP|SALT|SIGNING)(?![A-Z])"
    r"|(?:_|^)PINS?$|CONNECTION_?STR|WEBHOOK|(?<!COM)(?<!BY)(?<!SUR)(?<!TRES)PASS$|PWD$"
)
"""Words of names. KEY and the short ones only as words of their own: not MONKEY, COMPASS or PATH."""

_ONLY_SECRET = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|PASSCODE|(?:_|^)(?:PASS|PWD|PW|PIN|OTP|SECRET|CREDS?|(?:PIN|OTP|PASS)_?CODE))_?[0-9]*$"
)
"""Names of what may be a number, and is secret all the same."""

_SAID_TO_BE_OTHERWISE = re.compile(
    r"(?:_|^)(?:FILE|PATH|DIR|NAME|ID|IDS|TYPE|TTL|LENGTH|LEN|LIMIT|COUNT|SIZE|BUDGET|EXPIRY|EXPIRES|PREFIX|HEADER|FIELD|"
    r"COLUMN|URL|URI|ENDPOINT|HOST|ISSUER|AUDIENCE|ENABLED|ALGORITHM|MODE|VERSION|PROVIDER)$"
    r"|(?:PARTITION|SORT|PRIMARY|FOREIGN|CACHE|ROUTING|PUBLIC)_?KEY"
)
_NAME_OF_SOMETHING = re.compile(r"[\w./:@%?&=,+~-]*")
"""What a name, a place or a number may look like, for names that say to hold one: no spaces and no odd characters."""

_GUESS_PROOF = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9][A-Za-z])[A-Za-z0-9]{8,}")
"""A password where a name of something should be: upper case, lower case, and digits among them."""

_PUBLIC = re.compile(r"PUBLIC_?KEY")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,_:]*")
_PLAIN_VALUE = re.compile(
    r"[-+]?[0-9][0-9.,_]*|true|false|yes|no|on|off|none|null|auto|/[\w./-]*|\[[\d, ]*\]", re.IGNORECASE
)
_HEX = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_OF_A_DIGEST = re.compile(
    r"SHA|DIGEST|HASH|COMMIT|CHECKSUM|MD5|ETAG|FINGERPRINT|(?:_|^)(?:REV|REVISION|TRACE|UUID|IDS?|VERSION|BUILD|GIT|TAG)(?:_|$)"
)
"""Names of what is hexadecimal and long, and no secret."""

_RUN = re.compile(r"[0-9A-Za-z+_-]{16,}={0,2}|[0-9A-Za-z+/]{32,}={0,2}")
_POOLS = re.compile(r"projects/[0-9]{6,20}/locations/global/workloadIdentityPools/?")
"""What every name of a workload identity pool begins with: mixed enough to look random, and the same for everybody."""
_JOINT = re.compile(r"[-_]")  # of words that make a name; rare in random text
_HEX_RUN = re.compile("[0-9a-f]*")
_CHANGES = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")
"""Where letters turn to digits or back; each is found as an empty match."""
_HEADER = re.compile(r"[Bb](?:earer|asic) $")
_KEY_OF_AWS = re.compile(r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,16}")
_PIECES = re.compile(r"[^0-9A-Za-z]+")
_ASSIGNED = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Z][A-Z0-9_]{2,})[ \t]*=[ \t]*[\"']?(?P<value>[^\s\"']+)", re.MULTILINE
)
_WINDOW = 1 << 16
_OVERLAP = 1 << 14
"""Characters that two windows share: a shorter secret, with what stands before it, is whole in one of them."""
_LEAST_CHANGES = 5
_LEAST_RUN = 16
_LEAST_OF_EACH = 2
_BITS = 3.8
"""Shannon entropy per character above which a mixed run of letters and digits is no word and no name of anything."""


def secret_name(name: str, value: str = "") -> bool:
    """Tell whether a name says that what it holds is not for every eye: `DB_PASSWORD`, and not `KEY_FILE`.

    Args:
        name: In any style: `DB_PASSWORD`, `dbPassword`, `db-password`.
        value: What it holds. A name that says to hold a file or an id is believed only if that can be one.
    """
    words = _words(name)
    if not _SECRET_NAME.search(words):
        return False
    otherwise = _SAID_TO_BE_OTHERWISE.search(words)
    return not otherwise or not (_PUBLIC.search(words) or _names_something(value))


def _words(name: str) -> str:
    return _WORD_STARTS.sub("_", name).upper()


def _names_something(value: str) -> bool:
    return bool(_NAME_OF_SOMETHING.fullmatch(value)) and not _GUESS_PROOF.fullmatch(value)


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a named value is to be hidden.

    Args:
        name: What it is called, such as the name of an environment variable.
        value: The value, as text.
    """
    if not value:
        return False
    if _said_secret(name, value):
        return True
    if _HEX.fullmatch(value) and not _OF_A_DIGEST.search(_words(name)):
        return True
    return any(True for _ in secrets_in(value))


def _said_secret(name: str, value: str) -> bool:
    """Tell whether a name says so, and the value may be one."""
    if _ONLY_SECRET.search(_words(name)) and _NUMBER.fullmatch(value):
        return True
    return secret_name(name, value) and not _PLAIN_VALUE.fullmatch(value)


def secrets_in(text: str) -> Iterator[tuple[int, int]]:
    """Give where in a text something stands that looks like a secret: start and end, unsorted, perhaps overlapping."""
    if not _UNSEEN.search(text):
        yield from _secrets_in(text)
        return
    kept = [at for at, character in enumerate(text) if not _UNSEEN.match(character)]
    for start, end in _secrets_in("".join(text[at] for at in kept)):
        if start < end:
            yield kept[start], kept[end - 1] + 1


def surely_secret(text: str) -> bool:
    """Tell whether a text holds a key or a token of an issuer's form, which can hardly be anything else.

    Stricter than `secrets_in`: who asks refuses something, and `hf_AutoModelForTokenClassification` is a word.
    """
    return any(map(_random_in, _of_known_form(text)))


def probably_secret(text: str) -> bool:
    """Tell whether a text holds what may be a key or a token: by its form, or as the value of a variable so named."""
    shaped = any(any(map(str.isdigit, found)) for found in _of_known_form(text))
    return shaped or any(looks_secret(found["name"], found["value"]) for found in _ASSIGNED.finditer(text))


def _of_known_form(text: str) -> Iterator[str]:
    """Give what has an issuer's form and is no part of a word, such as `task-`, window by window."""
    for first, last in windows(len(text)):
        part = text[first:last]
        for found in _SHAPES.finditer(part):
            before = part[max(0, found.start() - 7) : found.start()]
            if not _HEADER.search(before) and not (before[-1:].isalnum() or before[-1:] in {"_", "-"}):
                yield found[0]


def _random_in(found: str) -> bool:
    pieces = _PIECES.split(found)
    return bool(_KEY_OF_AWS.fullmatch(found)) or any(_random(each) or _HEX.fullmatch(each) for each in pieces)


def _secrets_in(text: str) -> Iterator[tuple[int, int]]:
    """Look at one window after the other; what goes on from one into the next, and is long, goes on to the end."""
    for first, last in windows(len(text)):
        for start, end in _within(text[first:last]):
            endless = first + end == last and first + start < last - _OVERLAP // 2
            yield first + start, len(text) if endless else first + end


def windows(length: int) -> Iterator[tuple[int, int]]:
    """Give the parts of a text that are looked at, each with the end of the one before it: start and end."""
    yield 0, min(_WINDOW, length)
    for first in range(_WINDOW - _OVERLAP, length - _OVERLAP, _WINDOW - _OVERLAP):
        yield first, min(first + _WINDOW, length)


def _within(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_SHAPES, _HOOKS, _USER_INFO):
        for found in pattern.finditer(text):
            yield found.span()
    yield from _values_in(text)
    for found in _RUN.finditer(text):
        if any(map(_random, _JOINT.split(_POOLS.sub("-", found[0].rstrip("="))))):
            yield found.span()


def _values_in(text: str) -> Iterator[tuple[int, int]]:
    """Give values beside whose name or option stands that they are secret."""
    for found in _PARAMETER.finditer(text):
        name, value = found["name"], found["value"]
        listed = _PARAMETER_NAME.fullmatch(name) and not _PLAIN_VALUE.fullmatch(value)
        if value != HIDDEN and (listed or _said_secret(name, value)):
            yield found.span("value")
    for pattern in (_JSON_FIELD, _FIELD, _OPTION, _SHORT_OPTION, _NETRC):
        for found in pattern.finditer(text):
            plain = _PLAIN_VALUE.fullmatch(found["value"]) or _NUMBER.fullmatch(found["value"])
            if found["value"] != HIDDEN and not plain:
                yield found.span("value")


def _random(run: str) -> bool:
    """Tell random text from words: it is long, mixes sorts of characters, and repeats itself little."""
    if len(run) < _LEAST_RUN:
        return False
    upper, lower, digits = (sum(map(test, run)) for test in (str.isupper, str.islower, str.isdigit))
    counts = Counter(run)
    entropy = -sum(n / len(run) * math.log2(n / len(run)) for n in counts.values())
    if min(upper, lower, digits) >= _LEAST_OF_EACH:
        return entropy >= min(_BITS, math.log2(len(run)) - 0.5)
    if run.isalnum() and run.islower() and not _HEX_RUN.fullmatch(run):
        return len(_CHANGES.findall(run)) >= _LEAST_CHANGES and entropy >= min(_BITS, math.log2(len(run)) - 0.8)
    return False


def redacted(text: str) -> str:
    """Give a text with everything in it hidden that looks like a secret."""
    shown, at = [], 0
    for start, end in merged(secrets_in(text)):
        shown += [text[at:start], HIDDEN]
        at = end
    return "".join([*shown, text[at:]])


def redacted_data(value: Any) -> Any:
    """Hide what looks like a secret in the texts of a document, so that what holds them stays whole.

    Args:
        value: As JSON has it: objects, lists, texts, numbers.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted(str(key)): _redacted_field(str(key), each) for key, each in value.items()}
    return [redacted_data(each) for each in value] if isinstance(value, list | tuple) else value


def _redacted_field(name: str, value: Any) -> Any:
    hidden = isinstance(value, str) and _SECRET_FIELD.search(name) and not _PLAIN_VALUE.fullmatch(value)
    return HIDDEN if hidden and value else redacted_data(value)


def merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch or overlap, sorted."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
