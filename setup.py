"""Packages conf/, which stands beside the code in a checkout, as xttslab.conf in a wheel."""

from __future__ import annotations

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["xttslab*"]), "xttslab.conf"],
    package_dir={"xttslab.conf": "conf"},
)
