"""Compiled functions by their address: numba's cfunc and scipy.LowLevelCallable."""

from __future__ import annotations

import ctypes
import re
from typing import Any

# The engine's numbers of the signatures it can call (engine/integrand.hpp).
_KINDS = {
    "double (double)": 0,
    "double (double, void *)": 1,
    "double (int, double *)": 2,
    "double (int, double *, void *)": 3,
}


def address_of(f: Any) -> tuple[int, int, int] | None:
    """Return kind, address and address of data of a compiled function; None for any other.

    Raises
    ------
    ValueError
        For a compiled function with a signature that is not one of samples.
    """
    name = f"{type(f).__module__}.{type(f).__name__}"
    if name.startswith("scipy.") and type(f).__name__ == "LowLevelCallable":
        return _kind(f.signature), *_pointers(f)
    if name.startswith("numba.") and hasattr(f, "address") and hasattr(f, "_sig"):
        return _kind(_numba_signature(f._sig)), int(f.address), 0
    return None


def _kind(signature: str) -> int:
    text = re.sub(r"\s*\*", " *", re.sub(r"\s+", " ", signature.strip()))
    if text not in _KINDS:
        msg = f"f must have one of the signatures {', '.join(_KINDS)}, got {signature}"
        raise ValueError(msg)
    return _KINDS[text]


def _pointers(f: Any) -> tuple[int, int]:
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_GetContext.restype = ctypes.c_void_p
    api.PyCapsule_GetContext.argtypes = [ctypes.py_object]
    capsule = tuple.__getitem__(f, 0)
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return int(address), int(api.PyCapsule_GetContext(capsule) or 0)


def _numba_signature(signature: Any) -> str:
    """Return numba's (float64,) -> float64 in C's words."""
    names = {"float64": "double", "int32": "int", "float64*": "double *", "voidptr": "void *"}
    arguments = ", ".join(names.get(str(a), str(a)) for a in signature.args)
    result = names.get(str(signature.return_type), str(signature.return_type))
    return f"{result} ({arguments})"
