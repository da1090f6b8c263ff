"""Light, air and temperatures of a street by day, at dusk, at night and in fog."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic import vehicles
from bench.datasets.synthetic.solids import Colour

CONDITIONS = ("day", "night", "fog", "dusk")


class Weather(NamedTuple):
    """Light, air and temperatures. Light is in units of full daylight on white paper, temperatures in kelvin."""

    condition: str
    sun: np.ndarray
    """Unit vector towards the sun."""
    sunlight: Colour
    ambient: Colour
    """Light of the sky on a horizontal surface."""
    zenith: Colour
    horizon: Colour
    clouds: float
    haze: float
    """Extinction of visible light per metre (Koschmieder)."""
    thermal_haze: float
    """Extinction of thermal infrared per metre."""
    exposure: float
    lamps: float
    """Gain of street lamps and lit windows; 0 is off."""
    headlights: float
    air: float
    zenith_sky: float
    """Apparent temperature of the sky overhead in thermal infrared."""
    ground: float
    """Kelvin of the road above the air: the day's heat, some of which is left at night."""


def _sun(random: np.random.Generator) -> np.ndarray:
    elevation, azimuth = np.deg2rad(random.uniform(35, 62)), np.deg2rad(180 + random.normal(0, 40))
    return np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])


NO_SUN: Colour = (0.0, 0.0, 0.0)


def _grade(gain: float, *colour: float) -> Colour:
    return tuple(gain * channel for channel in colour)


def _day(random: np.random.Generator, sun: np.ndarray, gain: float) -> Weather:
    overcast = random.random() > 0.7
    return Weather(
        condition="day",
        sun=sun,
        sunlight=(0.1, 0.1, 0.1) if overcast else _grade(gain, 0.78, 0.72, 0.6),
        ambient=(0.6, 0.61, 0.63) if overcast else (0.27, 0.32, 0.4),
        zenith=(0.45, 0.49, 0.54) if overcast else (0.16, 0.33, 0.68),
        horizon=(0.62, 0.65, 0.68) if overcast else (0.56, 0.68, 0.8),
        clouds=0.5 if overcast else float(random.uniform(0.1, 0.7)),
        haze=0.0016 * gain,
        thermal_haze=0.0009,
        exposure=1.9,
        lamps=0.0,
        headlights=vehicles.DIPPED_BY_DAY,
        air=float(random.uniform(286, 299)),
        zenith_sky=262.0 if overcast else 243.0,
        ground=3.0 if overcast else 5.0,
    )


def _dusk(random: np.random.Generator, sun: np.ndarray, gain: float) -> Weather:
    return Weather(
        condition="dusk",
        sun=sun,
        sunlight=NO_SUN,
        ambient=_grade(gain, 0.075, 0.08, 0.115),
        zenith=(0.05, 0.075, 0.17),
        horizon=(0.55, 0.27, 0.13),
        clouds=float(random.uniform(0.3, 0.8)),
        haze=0.003 * gain,
        thermal_haze=0.0009,
        exposure=2.6,
        lamps=1.6,
        headlights=0.3,
        air=float(random.uniform(281, 293)),
        zenith_sky=250.0,
        ground=4.0,
    )


def _night(random: np.random.Generator, sun: np.ndarray, gain: float) -> Weather:
    return Weather(
        condition="night",
        sun=sun,
        sunlight=NO_SUN,
        ambient=_grade(gain, 0.0022, 0.0025, 0.0034),
        zenith=(0.0012, 0.0018, 0.004),
        horizon=(0.006, 0.0052, 0.006),
        clouds=float(random.uniform(0.2, 0.8)),
        haze=0.004 * gain,
        thermal_haze=0.001,
        exposure=7.0,
        lamps=1.0,
        headlights=0.22,
        air=float(random.uniform(275, 290)),
        zenith_sky=245.0,
        ground=2.5,
    )


def _fog(random: np.random.Generator, sun: np.ndarray, gain: float) -> Weather:
    return Weather(
        condition="fog",
        sun=sun,
        sunlight=NO_SUN,
        ambient=_grade(gain, 0.5, 0.52, 0.54),
        zenith=(0.52, 0.54, 0.56),
        horizon=(0.5, 0.52, 0.53),
        clouds=0.05,
        haze=float(random.uniform(0.06, 0.13)),
        thermal_haze=float(random.uniform(0.005, 0.009)),
        exposure=1.45,
        lamps=0.0,
        headlights=0.12,
        air=float(random.uniform(276, 286)),
        zenith_sky=272.0,
        ground=1.5,
    )


WEATHERS = {"day": _day, "night": _night, "fog": _fog, "dusk": _dusk}


def weather_for(condition: str, random: np.random.Generator) -> Weather:
    """Draws the weather of one of :data:`CONDITIONS`."""
    return WEATHERS[condition](random, _sun(random), float(random.uniform(0.85, 1.15)))
