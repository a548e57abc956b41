"""Writes corpus.jsonl: labelled texts for measuring the detection of secrets and personal data.

    python3 generate.py            write the corpus beside this file
    python3 generate.py --check    compare it with the file that is there; exit 1 if they differ
    python3 generate.py --count    also print how many cases there are of each kind

Each case has its own seeded source of random values, named by its kind and number: a kind that is
added or changed leaves the others as they are.
"""

import json
import pathlib
import re
import sys
from collections import Counter

import credentials
import forms  # noqa: F401  its kinds join those of the others
import mixed
import negatives
import negatives_code  # noqa: F401  its kinds join negatives.KINDS
import personal
from common import R, luhn_ok, render

SEED = "penstock-detection-1"
TARGET = pathlib.Path(__file__).with_name("corpus.jsonl")

# What may stand nowhere outside of a span. Written for this check alone, and coarse: it guards the
# labels, it is no detector.
STRAYS = {
    "e-mail": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"),
    "IPv4": re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-])"),
    "SSN": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    "phone": re.compile(r"(?<![\w+-])\+\d{1,3}[ -]?\(?\d[\d ()-]{6,}"),
    "MAC": re.compile(r"(?<![0-9A-Za-z:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z:-])"),
    "card": re.compile(r"(?<![\w.])(?:\d[ -]?){13,19}(?![\w.])"),
    "token": re.compile(
        r"AKIA[A-Z2-7]{16}(?![A-Z])|gh[posu]_[A-Za-z0-9]{36}|xox[bp]-\d|sk_live_[A-Za-z0-9]{24}|-----BEGIN [A-Z ]*PRIVATE KEY"),
    "JWT": re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "URL with password": re.compile(r"://[\w.-]*:[^@\s/$<{\0]{3,}@"),
}
HARMLESS = {
    "e-mail": re.compile(r"git@|password\}@|[\w-]+@(?:v?\d|latest|sha256)|@\d"),
    "IPv4": re.compile(r"127\.0\.0\.1|0\.0\.0\.0|2\.5\.4\.35"),
    "URL with password": re.compile(r"USER:PASSWORD|\{password\}"),
    "token": re.compile(r"x{20}|X{20}|EXAMPLE$"),
}
VERSION_KINDS = {"hard-negative-versions", "hard-negative-routes-and-urls", "hard-negative-program-versions"}
CODE_POINTS = "hard-negative-code-points"


def strays(case):
    """What stands in a text unlabelled; empty if its labels are complete."""
    data = bytearray(case["text"].encode())
    for span in case["spans"]:
        data[span["start"]:span["end"]] = b"\0" * (span["end"] - span["start"])
    text = data.decode()
    found = []
    for name, pattern in STRAYS.items():
        if name == "IPv4" and case["kind"] in VERSION_KINDS:
            continue
        for hit in pattern.findall(text):
            digits = re.sub(r"\D", "", hit)
            if name == "card" and (case["kind"] == CODE_POINTS or not (digits[0] in "23456" and 13 < len(digits) <= 16 and luhn_ok(digits))):
                continue
            if name in HARMLESS and HARMLESS[name].search(hit):
                continue
            found.append(f"{case['id']}: {name} {hit!r}")
    return found


def cases():
    for source, positive in ((credentials, True), (personal, True), (mixed, True), (negatives, False)):
        for kind, count, build in source.KINDS:
            for i in range(count):
                text, spans = render(build(R(f"{SEED}/{kind}/{i}"), i))
                assert bool(spans) == positive, f"{kind} {i}: spans {spans}"
                data = text.encode()
                assert len(data) <= 4000, f"{kind} {i}: {len(data)} bytes"
                for span in spans:  # a cut in the middle of a character would not decode
                    data[span["start"]:span["end"]].decode()
                yield {"id": f"{kind}-{i + 1:03}", "kind": kind, "text": text, "spans": spans}


def main():
    made, texts = [], set()
    for case in cases():
        if case["text"] in texts:  # short snippets without a random part may repeat
            continue
        texts.add(case["text"])
        made.append(case)
    problems = [p for case in made for p in strays(case)]
    if problems:
        sys.exit("\n".join(problems[:60] + [f"{len(problems)} unlabelled values"]))
    assert len({case["id"] for case in made}) == len(made), "ids are not unique"
    out = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in made)
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text(encoding="utf-8") == out else "corpus.jsonl is not what generate.py makes")
    TARGET.write_text(out, encoding="utf-8", newline="\n")
    count(made, detailed="--count" in sys.argv)


def count(made, detailed):
    with_spans = [case for case in made if case["spans"]]
    in_long = sum(len(case["text"].encode()) >= 300 for case in with_spans)
    print(f"{len(made)} cases: {len(with_spans)} with spans ({in_long} of them in 300 "
        f"bytes and more), {len(made) - len(with_spans)} without")
    print(dict(Counter(span["class"] for case in made for span in case["spans"]).most_common()))
    if detailed:
        print("\n".join(f"{n:5}  {kind}" for kind, n in Counter(case["kind"] for case in made).items()))


if __name__ == "__main__":
    main()
