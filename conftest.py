"""Doctests of the deep room need its extra; without it its modules are left out, as its tests skip themselves."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") and find_spec("monai") else ["radiokit/deep"]
