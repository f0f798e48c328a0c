"""Outputs that the student's process sent, in nbformat's form and nothing else."""

from rnncourse.grading.judge.outcome import KEPT

KINDS = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/latex", "text/plain")


def clean(outputs: list, room: int) -> list[dict]:
    """Outputs of the student's process in nbformat's form and nothing else, up to `room` characters."""
    out = []
    for output in outputs[:60]:
        kind = _string(output.get("output_type")) if type(output) is dict else ""
        if kind == "stream" and _string(output.get("name")) in ("stdout", "stderr"):
            new = {"output_type": kind, "name": output["name"], "text": _string(output.get("text"))}
        elif kind == "error":
            lines = output.get("traceback")
            new = {
                "output_type": kind, "ename": _string(output.get("ename"))[:80],
                "evalue": _string(output.get("evalue"))[:KEPT],
                "traceback": [_string(line)[:KEPT] for line in lines[:30]] if type(lines) is list else [],
            }  # fmt: skip
        elif kind in ("display_data", "execute_result") and type(output.get("data")) is dict:
            data = {str(mime): _string(text) for mime, text in output["data"].items() if mime in KINDS}
            new = {"output_type": kind, "data": data, "metadata": {}}
            new |= {"execution_count": None} if kind == "execute_result" else {}
        else:
            continue
        room -= len(str(new))
        if room < 0:
            break
        out.append(new)
    return out


def _string(value) -> str:
    return value if type(value) is str else ""
