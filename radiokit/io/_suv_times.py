"""How long before a PET scan the tracer was injected, also where clocks differ or an anonymiser has shifted dates."""

from __future__ import annotations

import re
import warnings
from datetime import date, datetime, timedelta
from pathlib import Path

from radiokit.exceptions import DataWarning, FileError
from radiokit.io._dicom_files import Header

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
GE_SCAN_START = (0x0009, 0x100D)
# Dynamic scans start before the injection, and clocks of injector and scanner differ. So short a time before it counts
# as none if it changes SUV by no more than this; a scan that starts longer before the injection has another reference.
BEFORE_INJECTION, NO_CHANGE = 15 * MINUTE, 0.01
# After ten half-lives a thousandth is left, too little for a scan: the times do not fit each other.
MOST_HALF_LIVES = 10
# Nuclides above this half-life are scanned on other days than that of the injection.
LONG_LIVED = 8 * HOUR
# Two records of one moment may differ by this much.
SAME_MOMENT = 60.0


def elapsed(heads: list[Header], dose: Header, half_life: float, path: Path) -> float:
    """Seconds from the injection to the moment the activity is corrected to.

    The full date and time of the injection counts, with its offset from UTC (PS3.5 6.2, DT). Where there is none, or
    where it cannot be (anonymisation may shift one date and not the other), the time of day does for nuclides that are
    gone the next day.
    """
    start = _scan_start(heads, path)
    moment = _injection(heads[0], dose, path)
    time = _text(dose, "RadiopharmaceuticalStartTime")
    if moment is not None:
        seconds = (start - moment).total_seconds()
        _compare(moment, time, path)
        if -BEFORE_INJECTION <= seconds <= MOST_HALF_LIVES * half_life:
            return _not_before(seconds, half_life, path)
        if half_life > LONG_LIVED or not time:
            raise FileError(
                f"{path}: RadiopharmaceuticalStartDateTime {_text(dose, 'RadiopharmaceuticalStartDateTime')} is "
                f"{seconds / HOUR:.4g} h before the scan ({start:%Y%m%d%H%M%S}), {seconds / half_life:.3g} half-lives: "
                "the two do not fit each other. Were dates removed or shifted? Ask for an export that keeps both."
            )
    elif not time:
        raise missing("RadiopharmaceuticalStartTime", path)
    elif half_life > LONG_LIVED:
        warnings.warn(
            f"{path}: only the time of day of the injection is known (RadiopharmaceuticalStartTime, no "
            f"RadiopharmaceuticalStartDateTime), and the half-life is {half_life / HOUR:.3g} h: injection within the "
            "24 hours before the scan is taken. Were it a day earlier, SUV would be "
            f"{2 ** (DAY / half_life):.3g} times as high.",
            DataWarning,
            stacklevel=2,
        )
    return _by_time_of_day(start, _time(time, "RadiopharmaceuticalStartTime", path), half_life, path)


def missing(name: str, path: Path, detail: str = "") -> FileError:
    """Return the error that a tag is missing which SUV needs."""
    return FileError(
        f"{path} has no {name}{detail}, which SUV needs. Ask for an export that keeps it, or read the raw values "
        "without suv=."
    )


def _by_time_of_day(start: datetime, time: timedelta, half_life: float, path: Path) -> float:
    of_start = start - _midnight(start)
    seconds = ((of_start - time).total_seconds() + BEFORE_INJECTION) % DAY - BEFORE_INJECTION
    if seconds > MOST_HALF_LIVES * half_life:
        raise FileError(
            f"{path}: the scan starts {seconds / HOUR:.1f} h after injection, {seconds / half_life:.0f} half-lives; "
            "SeriesTime and RadiopharmaceuticalStartTime do not fit each other."
        )
    return _not_before(seconds, half_life, path)


def _not_before(seconds: float, half_life: float, path: Path) -> float:
    """Return the seconds of decay; a scan that starts a moment before the injection has none."""
    if seconds >= 0:
        return seconds
    change = 2 ** (-seconds / half_life) - 1
    found = (
        f"{path}: the scan starts {-seconds:.0f} s before the injection (a dynamic scan, or clocks that differ), which "
        f"leaves SUV uncertain by {100 * change:.2g} %"
    )
    if change > NO_CHANGE:
        raise FileError(f"{found}; up to {100 * NO_CHANGE:.0f} % are accepted. Correct SeriesTime or the injection's.")
    warnings.warn(f"{found}: no decay is taken.", DataWarning, stacklevel=3)
    return 0.0


def _compare(moment: datetime, time: str, path: Path) -> None:
    """Warn where the two records of the time of injection contradict each other; the full one counts."""
    if not time:
        return
    of_day = moment - _midnight(moment)
    apart = abs((of_day - _time(time, "RadiopharmaceuticalStartTime", path)).total_seconds())
    apart = min(apart, DAY - apart)
    if apart > SAME_MOMENT:
        warnings.warn(
            f"{path}: RadiopharmaceuticalStartTime {time} contradicts RadiopharmaceuticalStartDateTime "
            f"({moment:%Y-%m-%d %H:%M:%S}) by {apart / MINUTE:.0f} min; the latter counts where its date can be true.",
            DataWarning,
            stacklevel=3,
        )


def _injection(head: Header, dose: Header, path: Path) -> datetime | None:
    """Moment of the injection on the clock of the scan; None if the file has no full date and time of it."""
    name = "RadiopharmaceuticalStartDateTime"
    text = _text(dose, name)
    match = re.fullmatch(r"(\d{8})(\d{2}(?:\d{2}){0,2}(?:\.\d*)?)?([+-]\d{4})?", text)
    if not text:
        return None
    if match is None:
        raise FileError(f"{path}: its {name} is {text!r}; required: YYYYMMDDHHMMSS.")
    day, time, offset = match.groups()
    time = time or _text(dose, "RadiopharmaceuticalStartTime")
    if not time:
        return None
    moment = datetime.combine(_date(day, name, path), datetime.min.time()) + _time(time, name, path)
    return moment if offset is None else _on_the_clock(moment, offset, head, dose, path)


def _on_the_clock(moment: datetime, offset: str, head: Header, dose: Header, path: Path) -> datetime:
    """Turn a moment with an offset from UTC into one on the clock that the times of the scan are read from."""
    clock = _text(head, "TimezoneOffsetFromUTC")
    universal = moment - _zone(offset, path)
    if clock:
        return universal + _zone(clock, path)
    # The scan does not give its zone. The other record of the injection is on the scan's clock, and shows it.
    time = _text(dose, "RadiopharmaceuticalStartTime")
    if not time:
        warnings.warn(
            f"{path}: RadiopharmaceuticalStartDateTime has the offset {offset} from UTC, and the series does "
            "not say its own (TimezoneOffsetFromUTC): the same is taken.",
            DataWarning,
            stacklevel=4,
        )
        return moment
    shown = _time(time, "RadiopharmaceuticalStartTime", path).total_seconds()
    of_day = (moment - _midnight(moment)).total_seconds()
    zone = (shown - of_day + DAY / 2) % DAY - DAY / 2
    quarters = round(zone / (15 * MINUTE)) * 15 * MINUTE
    return moment + timedelta(seconds=quarters if abs(zone - quarters) <= SAME_MOMENT else 0.0)


def _scan_start(heads: list[Header], path: Path) -> datetime:
    """Return the series' time, unless post-processing has moved it behind an acquisition."""
    head = heads[0]
    series = _moment(head, "Series", path)
    acquired = [_acquired(h, series, path) for h in heads if _text(h, "AcquisitionTime")]
    if not acquired or series <= min(acquired):
        return series
    if GE_SCAN_START in head and str(head[GE_SCAN_START].value):
        value = head[GE_SCAN_START].value
        text = value.decode(errors="replace").strip("\0 ") if isinstance(value, bytes) else str(value).strip()
        day, time = text[:8], text[8:].split("+")[0].split("-")[0]
        name = "GE private tag (0009,100D)"
        return datetime.combine(_date(day, name, path), datetime.min.time()) + _time(time, name, path)
    return min(acquired)


def _acquired(head: Header, series: datetime, path: Path) -> datetime:
    """Moment of an acquisition; without a date of its own it belongs to the night that the series began in."""
    moment = _moment(head, "Acquisition", path)
    dated = _text(head, "AcquisitionDate")
    return moment + timedelta(days=1) if not dated and (series - moment).total_seconds() > DAY / 2 else moment


def _moment(head: Header, what: str, path: Path) -> datetime:
    if not _text(head, f"{what}Time"):
        raise missing(f"{what}Time", path)
    name = next((n for n in (f"{what}Date", "SeriesDate", "StudyDate") if _text(head, n)), "")
    day = _date(_text(head, name), name, path) if name else date(2000, 1, 1)
    return datetime.combine(day, datetime.min.time()) + _time(_text(head, f"{what}Time"), f"{what}Time", path)


def _text(group: Header, name: str) -> str:
    return str(group.get(name) or "").strip()


def _date(text: str, name: str, path: Path) -> date:
    digits = re.sub(r"[.-]", "", text)  # YYYY.MM.DD is the way of ACR-NEMA
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        raise FileError(f"{path}: its {name} is {text!r}; required: a date YYYYMMDD.") from None


def _time(text: str, name: str, path: Path) -> timedelta:
    """Time of day: HHMMSS.F of DICOM, HH:MM:SS of ACR-NEMA, also where the first zero is lost."""
    match = re.fullmatch(r"(\d{1,6})(\.\d*)?", _without_colons(text))
    if match:
        digits, fraction = match.groups()
        digits = ("0" * (len(digits) % 2) + digits).ljust(6, "0")
        h, m, s = (int(digits[i : i + 2]) for i in (0, 2, 4))
        if h < 24 and m < 60 and s <= 60:
            return timedelta(hours=h, minutes=m, seconds=s + float(f"0{fraction or '.'}0"))
    raise FileError(f"{path}: its {name} is {text!r}; required: a time of day HHMMSS.")


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), datetime.min.time())


def _without_colons(text: str) -> str:
    return "".join(part.zfill(2) for part in text.split(":")) if ":" in text else text


def _zone(text: str, path: Path) -> timedelta:
    match = re.fullmatch(r"([+-])(\d{2})(\d{2})", text)
    if match is None:
        raise FileError(f"{path}: its offset from UTC is {text!r}; required: +HHMM or -HHMM.")
    sign, hours, minutes = match.groups()
    return (1 if sign == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes))
