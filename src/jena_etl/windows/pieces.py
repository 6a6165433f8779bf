"""Many pieces of a file in one system call, without Python's lock.

Reading a batch of windows with a call per window, Python's lock changes hands at every one. Linux
takes a list of reads at once (io_submit(2)); Python and the C library offer no way to it, so it is
called by its number. Where there is none, or the kernel refuses (a sandbox may), every piece is a
`preadv` of its own: the same bytes, slower.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import weakref
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

# Linux' x86_64 ABI. Other processors have other numbers, and could not be tried.
SETUP, DESTROY, GETEVENTS, SUBMIT = 206, 207, 208, 209
AT_ONCE = 1024  # reads a queue takes; the system has 65,536 in all, unless set otherwise

# struct iocb and struct io_event of linux/aio_abi.h; an opcode of 0 is IOCB_CMD_PREAD.
REQUEST = np.dtype(
    {
        "names": ["opcode", "descriptor", "memory", "size", "offset"],
        "formats": ["u2", "u4", "u8", "u8", "i8"],
        "offsets": [16, 20, 24, 32, 40],
        "itemsize": 64,  # the rest stays 0
    }
)
EVENT = np.dtype([("data", "u8"), ("request", "u8"), ("result", "i8"), ("result2", "i8")])


class PieceReader:
    """Reads pieces of one size from an open file; for any number of threads.

    Args:
        descriptor: of the file; the caller closes it, after the last read.

    Attributes:
        reads_at_once: whether it tries to; a first refusal decides.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queues: list[_Queue] = []  # not in use
        is_64_bit = sys.maxsize > 1 << 32  # a 32-bit process has other numbers, too
        self.reads_at_once = (
            sys.platform == "linux" and platform.machine() == "x86_64" and is_64_bit
        )

    def read(self, offsets: np.ndarray, size: int, memory: np.ndarray) -> bool:
        """Read `size` bytes from each of `offsets` into `memory`, one after the other.

        Args:
            offsets: int64 (pieces,), bytes from the file's begin.
            size: of a piece, in bytes.
            memory: uint8 (pieces * size,), contiguous.

        Returns:
            Whether the file held all of it.
        """
        if self.reads_at_once:
            try:
                return self._read_at_once(offsets, size, memory)
            except OSError:
                self.reads_at_once = False  # a fault of the file itself shows again below
        buffer = memory.data
        for at, offset in zip(range(0, len(memory), size), offsets.tolist(), strict=True):
            if os.preadv(self._descriptor, [buffer[at : at + size]], offset) != size:
                return False
        return True

    def _read_at_once(self, offsets: np.ndarray, size: int, memory: np.ndarray) -> bool:
        requests = np.zeros(len(offsets), REQUEST)
        requests["descriptor"] = self._descriptor
        requests["memory"] = memory.ctypes.data + np.arange(0, len(memory), size)
        requests["size"] = size
        requests["offset"] = offsets
        queue = self._free_queue()
        try:
            whole = all(
                (queue.results(requests[first : first + AT_ONCE]) == size).all()
                for first in range(0, len(requests), AT_ONCE)
            )
        except BaseException:
            queue.close()  # waits for what is under way: it writes into `memory`
            raise
        self._queues.append(queue)
        return whole

    def _free_queue(self) -> _Queue:
        try:
            queue = self._queues.pop()
        except IndexError:
            return _Queue()
        return queue if queue.process == os.getpid() else _Queue()  # a fork's are its parent's


class _Queue:
    """A kernel's queue of reads, for one thread at a time."""

    def __init__(self) -> None:
        self._context = ctypes.c_ulong()
        self.process = os.getpid()
        # Before there is anything to close: ctrl-C may come right after.
        self.close = weakref.finalize(self, _destroy, self._context, self.process)
        self.close.atexit = False  # the kernel does it then
        _system_call(SETUP, AT_ONCE, ctypes.addressof(self._context))

    def results(self, requests: np.ndarray) -> np.ndarray:
        """Bytes read by each of up to AT_ONCE requests, in any order.

        Raises:
            OSError: a request was refused or failed.
        """
        number, context = len(requests), self._context.value
        pointers = requests.ctypes.data + np.arange(number) * REQUEST.itemsize
        events = np.empty(number, EVENT)
        submitted = finished = 0
        while submitted < number:  # a call may take a part
            first = pointers[submitted:].ctypes.data
            submitted += _system_call(SUBMIT, context, number - submitted, first)
        while finished < number:
            left, first = number - finished, events[finished:].ctypes.data
            with suppress(InterruptedError):
                finished += _system_call(GETEVENTS, context, left, left, first, 0)
        results: np.ndarray = events["result"]
        if (failed := results[results < 0]).size:
            raise OSError(-int(failed[0]), os.strerror(-int(failed[0])))
        return results


def _destroy(context: ctypes.c_ulong, process: int) -> None:
    if context.value and process == os.getpid():
        _system_call(DESTROY, context.value)


def _system_call(number: int, *arguments: int) -> int:
    result: int = _c_library().syscall(number, *(ctypes.c_long(argument) for argument in arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


@cache
def _c_library() -> Any:
    return ctypes.CDLL(None, use_errno=True)
