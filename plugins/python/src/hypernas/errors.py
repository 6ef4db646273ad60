"""Errors that keep their meaning across the process boundary."""

from __future__ import annotations


class PluginError(Exception):
    """An error of the plugin. Its text is shown to people, after the plugin's name."""

    kind = 0  # ErrorKind of the protocol
    code = "UNKNOWN"  # gRPC status


class OptionError(PluginError):
    """An option that the plugin does not know or accept."""

    kind, code = 1, "INVALID_ARGUMENT"


class InputError(PluginError):
    """A request that breaks a rule of the contract."""

    kind, code = 2, "INVALID_ARGUMENT"


class UnsupportedError(PluginError):
    """The plugin cannot work on such a space at all."""

    kind, code = 3, "UNIMPLEMENTED"


class NotFittedError(PluginError):
    """predict before fit, or a method of a space before open."""

    kind, code = 4, "FAILED_PRECONDITION"


class DataMissingError(PluginError):
    """Data has to be fetched first; the text says how."""

    kind, code = 5, "NOT_FOUND"


class Cancelled(Exception):
    """The host no longer wants an answer."""
