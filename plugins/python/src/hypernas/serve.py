"""serve turns a Predictor or a Space into a plugin process."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import traceback
from concurrent import futures
from datetime import datetime, timezone
from typing import Any, Callable, Iterator

import grpc
import numpy as np
from google.protobuf import any_pb2

from .blocks import decode_block, decode_vocabulary, encode_blocks, encode_vocabulary
from .errors import Cancelled, InputError, NotFittedError, PluginError, UnsupportedError
from .networks import Batch, Vocabulary
from .plugin import Plugin, Predictor, Pretraining, Rows, Space, Training, format_default, parse_options
from .v1 import hypernas_pb2 as pb

PROTOCOL_VERSION = 1
COOKIE_KEY, COOKIE_VALUE = "HYPERNAS_PLUGIN", "hypernas.v1"
LIFELINE_KEY = "HYPERNAS_LIFELINE"
MESSAGE_BYTES = 64 << 20
ARTIFACT_BYTES = 32 << 20
ERROR_BYTES = 4 << 10  # an error's text travels in a trailer, whose size is limited


def started_by_host() -> bool:
    return os.environ.get(COOKIE_KEY) == COOKIE_VALUE


def _take_stdout() -> int:
    """Keep standard output for the handshake, and send whatever is printed to standard
    error. Called when the package is imported: what later imports print is harmless."""
    if not started_by_host():
        return -1
    sys.stdout.flush()
    handshake = os.dup(1)
    os.dup2(2, 1)
    return handshake


_handshake = _take_stdout()


class _Formatter(logging.Formatter):
    """A JSON object a line, as the host reads it."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        level = {"WARNING": "warn", "CRITICAL": "error"}.get(record.levelname, record.levelname.lower())
        time = datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return json.dumps({"@level": level, "@message": message, "@timestamp": time})


def logger() -> logging.Logger:
    """Return the logger whose messages hypernas shows."""
    log = logging.getLogger("hypernas")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Formatter())
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        log.propagate = False
    return log


def serve(create: Callable[[], Plugin] | Plugin) -> None:
    """Serve the plugin until the host ends the process. Takes the class, or a function
    that returns an instance. Where no host started the process, say how it is used and
    exit with status 1."""
    plugin = create if isinstance(create, Plugin) else create()
    if not isinstance(plugin, (Predictor, Space)):
        raise TypeError(f"{type(plugin).__name__} is neither a hypernas.Predictor nor a hypernas.Space")
    kind = "predictor" if isinstance(plugin, Predictor) else "space"
    if not started_by_host():
        path = sys.argv[0]
        sys.exit(f"{path} is a {kind} for hypernas and does nothing by itself; try: hypernas run --{kind} {path}")
    versions = os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "1").split(",")
    if str(PROTOCOL_VERSION) not in versions:
        sys.exit(f"this hypernas speaks protocol {', '.join(versions)}; the plugin speaks {PROTOCOL_VERSION}: update the Python package hypernas")
    _hold_lifeline()
    services: dict[str, Any] = {"predictor": _predictor_handlers, "space": _space_handlers}
    name = {"predictor": "hypernas.v1.Predictor", "space": "hypernas.v1.Space"}[kind]
    limits = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=limits)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, services[kind](plugin)), grpc.method_handlers_generic_handler("grpc.health.v1.Health", _health_handlers()))
    )
    network, address = _listen(server)
    server.start()
    os.write(_handshake, f"1|{PROTOCOL_VERSION}|{network}|{address}|grpc|\n".encode())
    server.wait_for_termination()


def _listen(server: grpc.Server) -> tuple[str, str]:
    if os.name == "nt":
        return "tcp", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp()
    path = os.path.join(folder, "plugin")
    if server.add_insecure_port("unix:" + path) == 0:
        sys.exit(f"cannot listen on {path}")
    return "unix", path


def _hold_lifeline() -> None:
    """End the process when standard input closes, which happens when the host is gone.
    Under a supervisor there is no lifeline: the supervisor does the same."""
    scratch = os.environ.pop(LIFELINE_KEY, "")
    if not scratch:
        return
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def watch() -> None:
        while os.read(lifeline, 4096):
            pass
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _health_handlers() -> dict[str, grpc.RpcMethodHandler]:
    # grpc.health.v1.HealthCheckResponse with status SERVING, for every service.
    return {"Check": grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")}


def _describe(plugin: Plugin) -> pb.Description:
    d = pb.Description(name=plugin.name, version=plugin.version, summary=plugin.summary, source=plugin.source, notes=plugin.notes)
    for name, option in plugin.options.items():
        d.options.add(name=name, default=format_default(option.default), summary=option.summary, choices=option.choices)
    if isinstance(plugin, Predictor):
        d.predicts_labels, d.uses_pool, d.pretrains = plugin.predicts_labels, plugin.uses_pool, plugin.pretrains
    return d


class _GivenUp:
    """Whether the host gave a call up before it was served: what fit keeps of its training may be used later."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.served = False
        self._ended = threading.Event()
        context.add_callback(self._ended.set)

    def __call__(self) -> bool:
        return self._ended.is_set() and not self.served


def _predictor_handlers(plugin: Predictor) -> dict[str, grpc.RpcMethodHandler]:
    fitted: list[Vocabulary] = []  # of the last fit that succeeded

    def fit(parts: Iterator[pb.FitRequest], context: grpc.ServicerContext) -> pb.FitResponse:
        given_up = _GivenUp(context)
        training = _receive(plugin, parts, given_up)
        warnings = plugin.fit(training)
        given_up.served = True
        fitted[:] = [training.vocabulary]
        return pb.FitResponse(warnings=list(warnings or ()))

    def predict(request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        if not fitted:
            raise NotFittedError("predict before fit")
        batch = decode_block(fitted[0], request.block)
        if len(batch) == 0:
            return pb.PredictResponse()  # no author needs to think of it
        values = np.asarray(plugin.predict(batch), np.float64)
        if values.shape != (len(batch),):
            raise PluginError(f"predict returned an array of shape {values.shape}, want ({len(batch)},)")
        return pb.PredictResponse(values=values.tolist())

    def pretrain(parts: Iterator[pb.PretrainRequest], context: grpc.ServicerContext) -> pb.PretrainResponse:
        if not plugin.pretrains:
            raise UnsupportedError("the predictor has no pretraining")
        pretraining = _receive_pretraining(plugin, parts, _GivenUp(context))
        artifact = bytes(plugin.pretrain(pretraining))
        if not 0 < len(artifact) <= ARTIFACT_BYTES:
            raise PluginError(f"pretrain returned {len(artifact)} bytes; it may return 1 to {ARTIFACT_BYTES}")
        return pb.PretrainResponse(artifact=artifact)

    return {
        "Describe": _unary(lambda request, context: _describe(plugin), pb.DescribeRequest),
        "Pretrain": grpc.stream_unary_rpc_method_handler(_guard(pretrain), pb.PretrainRequest.FromString, pb.PretrainResponse.SerializeToString),
        "Fit": grpc.stream_unary_rpc_method_handler(_guard(fit), pb.FitRequest.FromString, pb.FitResponse.SerializeToString),
        "Predict": _unary(predict, pb.PredictRequest),
    }


def _receive(plugin: Predictor, parts: Iterator[pb.FitRequest], cancelled: Callable[[], bool]) -> Training:
    header = next(parts, pb.FitRequest())
    if header.WhichOneof("part") != "header":
        raise InputError("fit did not begin with a header")
    vocabulary = decode_vocabulary(header.header.vocabulary)
    training, pool, labels, artifact = [], [], [], b""
    for part in parts:
        if part.WhichOneof("part") == "training":
            training.append(decode_block(vocabulary, part.training.block))
            labels.append(np.array(part.training.labels, np.float64))
            if len(labels[-1]) != len(training[-1]):
                raise InputError(f"{len(labels[-1])} labels for {len(training[-1])} architectures")
        elif part.WhichOneof("part") == "pool":
            pool.append(decode_block(vocabulary, part.pool))
        elif part.WhichOneof("part") == "artifact":
            artifact = part.artifact
        else:
            raise InputError("a part of fit is neither training nor pool nor artifact")
    y = np.concatenate(labels) if labels else np.zeros(0)
    if not np.isfinite(y).all():
        raise InputError("a label is not finite")
    options = parse_options(plugin.options, header.header.options)
    batch, rest = _concatenate(vocabulary, training, cancelled), _concatenate(vocabulary, pool, cancelled)
    return Training(batch, y, rest, options, header.header.seed, logger(), artifact, cancelled=cancelled)


def _receive_pretraining(plugin: Predictor, parts: Iterator[pb.PretrainRequest], cancelled: Callable[[], bool]) -> Pretraining:
    header = next(parts, pb.PretrainRequest())
    if header.WhichOneof("part") != "header":
        raise InputError("pretrain did not begin with a header")
    vocabulary = decode_vocabulary(header.header.vocabulary)
    pool = []
    for part in parts:
        if part.WhichOneof("part") != "pool":
            raise InputError("a part of pretrain is no pool")
        pool.append(decode_block(vocabulary, part.pool))
    batch = _concatenate(vocabulary, pool, cancelled)
    if len(batch) == 0:
        raise InputError("pretraining without architectures")
    return Pretraining(batch, parse_options(plugin.options, header.header.options), header.header.seed, logger(), cancelled=cancelled)


def _concatenate(vocabulary: Vocabulary, batches: list[Batch], cancelled: Callable[[], bool]) -> Batch:
    def check() -> None:
        if cancelled():
            raise Cancelled

    networks = [network for batch in batches for network in batch.networks]
    numbers = np.concatenate([np.zeros((0, len(vocabulary.numbers))), *(batch.numbers for batch in batches)])
    return Batch(vocabulary, networks, numbers, check)


def _space_handlers(plugin: Space) -> dict[str, grpc.RpcMethodHandler]:
    opened: list[Rows] = []

    def rows() -> Rows:
        if not opened:
            raise NotFittedError("the space is not open")
        return opened[0]

    def open_(request: pb.OpenRequest, context: grpc.ServicerContext) -> pb.SpaceInfo:
        r = plugin.open(parse_options(plugin.options, request.options))
        _check(r)
        info = _info(r)
        info.digest = r.digest or _digest(r, info)
        opened[:] = [r]
        return info

    def read(request: pb.ReadRequest, context: grpc.ServicerContext) -> Iterator[pb.ReadResponse]:
        r = rows()
        if not 0 <= request.lo <= request.hi <= len(r.networks):
            raise InputError(f"rows {request.lo} to {request.hi} of {len(r.networks)}")
        for block, lo, hi in encode_blocks(r.vocabulary, r.networks, r.numbers, request.lo, request.hi):
            yield pb.ReadResponse(block=block, identities=b"".join(r.identities[lo:hi]))

    def column(request: pb.ColumnRequest, context: grpc.ServicerContext) -> pb.ColumnResponse:
        for c in rows().columns:
            if c.name == request.name:
                return pb.ColumnResponse(values=np.asarray(c.values, np.float64).tolist())
        raise InputError(f'no column "{request.name}"; there are {", ".join(c.name for c in rows().columns)}')

    return {
        "Describe": _unary(lambda request, context: _describe(plugin), pb.DescribeRequest),
        "Open": _unary(open_, pb.OpenRequest),
        "Read": grpc.unary_stream_rpc_method_handler(_guard_stream(read), pb.ReadRequest.FromString, pb.ReadResponse.SerializeToString),
        "Column": _unary(column, pb.ColumnRequest),
    }


def _check(r: Rows) -> None:
    """Complain in the author's words about what the host would refuse in its own."""
    n = len(r.networks)
    if len(r.identities) != n or any(len(i) != 16 for i in r.identities):
        raise PluginError(f"want an identity of 16 bytes for each of {n} networks; see hypernas.identity")
    if not r.vocabulary.numbers:
        r.numbers = np.zeros((n, 0))
    if np.shape(r.numbers) != (n, len(r.vocabulary.numbers)):
        raise PluginError(f"numbers have the shape {np.shape(r.numbers)}, want ({n}, {len(r.vocabulary.numbers)})")
    for c in r.columns:
        if np.shape(c.values) != (n,):
            raise PluginError(f"column {c.name} has the shape {np.shape(c.values)}, want ({n},)")


def _info(r: Rows) -> pb.SpaceInfo:
    """Return what a space says of itself, without the digest."""
    info = pb.SpaceInfo(rows=len(r.networks), vocabulary=encode_vocabulary(r.vocabulary), label=r.label, target=r.target, license=r.license, citation=r.citation, notes=r.notes)
    for c in r.columns:
        info.columns.add(name=c.name, summary=c.summary, unit=c.unit, dataset=c.dataset, split=c.split, runs=c.runs, epochs=c.epochs)
    return info


def _digest(r: Rows, info: pb.SpaceInfo) -> str:
    h = hashlib.sha256(info.SerializeToString(deterministic=True))
    for block, lo, hi in encode_blocks(r.vocabulary, r.networks, r.numbers, 0, len(r.networks)):
        h.update(block.SerializeToString(deterministic=True) + b"".join(r.identities[lo:hi]))
    for c in r.columns:
        h.update(np.ascontiguousarray(c.values, "<f8").tobytes())
    return h.hexdigest()


def _unary(handle: Callable[[Any, grpc.ServicerContext], Any], request: Any) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(_guard(handle), request.FromString, lambda m: m.SerializeToString())


def _guard(handle: Callable[[Any, grpc.ServicerContext], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def guarded(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handle(request, context)
        except SystemExit as e:
            _exit(e)
        except BaseException as e:  # noqa: BLE001: every error goes to the host
            _abort(context, e)

    return guarded


def _guard_stream(handle: Callable[[Any, grpc.ServicerContext], Iterator[Any]]) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
    def guarded(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from handle(request, context)
        except GeneratorExit:
            raise  # nobody reads on
        except SystemExit as e:
            _exit(e)
        except BaseException as e:  # noqa: BLE001
            _abort(context, e)

    return guarded


def _exit(e: SystemExit) -> None:
    """End the process as sys.exit does in the main thread; in one of gRPC's it would end
    that thread alone, and the call would never be answered."""
    code = e.code
    if code is not None and not isinstance(code, int):
        logger().error(str(code))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def _abort(context: grpc.ServicerContext, e: BaseException) -> None:
    """End the call with the error in the form that the host understands: a google.rpc.Status
    with an ErrorDetail."""
    if isinstance(e, Cancelled):
        context.abort(grpc.StatusCode.CANCELLED, "cancelled")
    if isinstance(e, PluginError):
        kind, code, message = e.kind, grpc.StatusCode[e.code], str(e)
    else:
        kind, code = 0, grpc.StatusCode.UNKNOWN
        where = traceback.extract_tb(e.__traceback__)[-1]
        message = f"{type(e).__name__}: {e} ({os.path.basename(where.filename)}, line {where.lineno})"
        logger().error(message, exc_info=e)
    data = message.encode()
    if len(data) > ERROR_BYTES:
        message = data[:ERROR_BYTES].decode(errors="ignore") + " …"
    detail = any_pb2.Any()
    detail.Pack(pb.ErrorDetail(kind=kind))
    status = b"\x08" + _varint(code.value[0]) + _field(b"\x12", message.encode()) + _field(b"\x1a", detail.SerializeToString())
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    context.abort(code, message)


def _field(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)
