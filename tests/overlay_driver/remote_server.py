"""A PYNQ.remote server in this process, whose hardware is the virtual device; a board's remote image runs the same service.

It answers as PYNQ's server does: no memory is an empty buffer name, what is not known is NOT_FOUND, writing a file
always succeeds, and whether the FPGA manager took a bitstream is in its state file alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
import numpy as np
from pynq.remote import (
    buffer_pb2,
    buffer_pb2_grpc,
    mmio_pb2,
    mmio_pb2_grpc,
    remote_device_pb2,
    remote_device_pb2_grpc,
)

from overlay_driver.virtual.device import VirtualDevice, VirtualTime
from overlay_driver.virtual.memory import Allocation

FIRMWARE = "/lib/firmware/"
MANAGER = "/sys/class/fpga_manager/fpga0/"
CHUNK = 1024


class RemoteServer:
    """Serves a device at `address` until it is stopped; use it in a `with` statement."""

    def __init__(self, device: VirtualDevice, *, board: str = "Pynq-Z2", services: bool = True) -> None:
        self.device = device
        self.files = {
            "/proc/version": b"Linux version 5.15.36-xilinx (arm-xilinx-linux-gnueabi-gcc) armv7l\n",
            "/proc/device-tree/chosen/pynq_board": board.encode() + b"\0",
            MANAGER + "firmware": b"",
            MANAGER + "flags": b"0\n",
            MANAGER + "state": b"unknown\n",
        }
        self.state_after_load = b"operating\n"
        self.loaded: list[bytes] = []
        """Contents of each bitstream that was loaded."""

        self.registers = Registers(device)
        self.buffers = Buffers(device)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=1))
        if services:
            mmio_pb2_grpc.add_MmioServicer_to_server(self.registers, self._server)
            buffer_pb2_grpc.add_RemoteBufferServicer_to_server(self.buffers, self._server)
            remote_device_pb2_grpc.add_RemoteDeviceServicer_to_server(Files(self), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def __enter__(self) -> "RemoteServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.registers.go_on.set()
        self.stop()

    def stop(self) -> None:
        """Stop at once, as a board without power."""
        self._server.stop(grace=None).wait()

    def stop_soon(self) -> None:
        """The same from within a call, which gets no answer."""
        self._server.stop(grace=None)

    def load(self, name: str) -> None:
        """Act as the FPGA manager after a write to its firmware file."""
        self.loaded.append(self.files[FIRMWARE + name])
        self.files[MANAGER + "state"] = self.state_after_load
        self.device.reload()


class Files(remote_device_pb2_grpc.RemoteDeviceServicer):
    """The board's files."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    def existsfile(self, request, context):
        return remote_device_pb2.ExistsFileResponse(exists=request.file_path in self._server.files)

    def readfile(self, request, context) -> Iterator:
        if request.file_path not in self._server.files:
            context.abort(grpc.StatusCode.NOT_FOUND, "File not found")
        contents = self._server.files[request.file_path]
        for start in range(0, len(contents), CHUNK):
            yield remote_device_pb2.ReadFileResponse(data=contents[start : start + CHUNK])

    def writefile(self, request_iterator, context):
        requests = list(request_iterator)
        path, contents = requests[0].file_path, b"".join(request.data for request in requests)
        self._server.files[path] = contents
        if path == MANAGER + "firmware":
            self._server.load(contents.decode())
        return remote_device_pb2.WriteFileResponse()

    def set_bitstream_attrs(self, request, context):
        return remote_device_pb2.SetBitstreamAttrsResponse(status=True)


class Registers(mmio_pb2_grpc.MmioServicer):
    """The device's registers; each poll advances its time."""

    def __init__(self, device: VirtualDevice) -> None:
        self._device = device
        self._time = VirtualTime(device)
        self._bases: list[int] = []
        self.before_read = lambda: None
        """Called before each poll."""

        self.go_on = Event()
        self.go_on.set()
        """Polls wait until it is set."""

    def get_mmio(self, request, context):
        self._bases.append(request.base_addr)
        return mmio_pb2.GetMmioResponse(status=True, mmio_id=str(len(self._bases) - 1))

    def read(self, request, context):
        self.before_read()
        self.go_on.wait()
        self._time.pause()
        data = self._device.read_registers(self._bases[int(request.mmio_id)] + request.offset, 4)
        return mmio_pb2.ReadResponse(status=True, data=int.from_bytes(data, "little"))

    def write(self, request, context):
        self._device.write_registers(self._bases[int(request.mmio_id)] + request.offset, request.data[:4])
        return mmio_pb2.WriteResponse(status=True)


class Buffers(buffer_pb2_grpc.RemoteBufferServicer):
    """The device's memory in the processor's view, with `flush` and `invalidate`."""

    def __init__(self, device: VirtualDevice) -> None:
        self._device = device
        self._allocations: dict[str, Allocation] = {}
        self._count = 0

    def forget(self) -> None:
        """Forget the buffers, as after a restart of the server."""
        self._allocations.clear()

    def _named(self, name: str, context) -> Allocation:
        if name not in self._allocations:
            context.abort(grpc.StatusCode.NOT_FOUND, "Buffer not found.")
        return self._allocations[name]

    def allocate(self, request, context):
        if self._device.faults.no_memory:
            return buffer_pb2.AllocateResponse()
        name = f"buffer {self._count}"
        self._count += 1
        self._allocations[name] = self._device.memory.allocate(request.size)
        return buffer_pb2.AllocateResponse(buffer_id=name)

    def write(self, request_iterator, context):
        start = 0
        for request in request_iterator:
            allocation = self._named(request.buffer_id, context)
            data = np.frombuffer(request.data, dtype=np.uint8)
            if start + len(data) > len(allocation.processor):
                return buffer_pb2.BufferWriteResponse(msg="Buffer overflow.")
            allocation.processor[start : start + len(data)] = data
            start += len(data)
        return buffer_pb2.BufferWriteResponse()

    def read(self, request, context) -> Iterator:
        contents = self._named(request.buffer_id, context).processor.tobytes()
        for start in range(0, len(contents), CHUNK):
            yield buffer_pb2.BufferReadResponse(data=contents[start : start + CHUNK])

    def flush(self, request, context):
        allocation = self._named(request.buffer_id, context)
        allocation.flush(0, len(allocation.processor))
        return buffer_pb2.FlushResponse()

    def invalidate(self, request, context):
        allocation = self._named(request.buffer_id, context)
        allocation.invalidate(0, len(allocation.processor))
        return buffer_pb2.InvalidateResponse()

    def physical_address(self, request, context):
        return buffer_pb2.AddressResponse(address=self._named(request.buffer_id, context).address)

    def freebuffer(self, request, context):
        self._device.memory.free(self._named(request.buffer_id, context))
        del self._allocations[request.buffer_id]
        return buffer_pb2.FreeBufferResponse()
