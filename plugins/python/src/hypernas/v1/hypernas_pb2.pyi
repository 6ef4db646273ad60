from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
ERROR_KIND_DATA_MISSING: ErrorKind
ERROR_KIND_INPUT: ErrorKind
ERROR_KIND_NOT_FITTED: ErrorKind
ERROR_KIND_OPTION: ErrorKind
ERROR_KIND_UNSPECIFIED: ErrorKind
ERROR_KIND_UNSUPPORTED: ErrorKind
OP_KIND_ATTENTION: OpKind
OP_KIND_AVG_POOL: OpKind
OP_KIND_CONV: OpKind
OP_KIND_DEPTHWISE_CONV: OpKind
OP_KIND_DILATED_CONV: OpKind
OP_KIND_INPUT: OpKind
OP_KIND_MAX_POOL: OpKind
OP_KIND_MLP: OpKind
OP_KIND_NONE: OpKind
OP_KIND_OTHER: OpKind
OP_KIND_OUTPUT: OpKind
OP_KIND_SEPARABLE_CONV: OpKind
OP_KIND_SKIP: OpKind
OP_KIND_SQUEEZE_EXCITE: OpKind
ROLE_BLOCK: Role
ROLE_NORMAL: Role
ROLE_REDUCTION: Role
ROLE_STEM: Role

class Block(_message.Message):
    __slots__ = ["cells", "network_cell_counts", "network_cells", "network_sequences", "numbers", "sequences"]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_CELLS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_CELL_COUNTS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    cells: CellTable
    network_cell_counts: _containers.RepeatedScalarFieldContainer[int]
    network_cells: _containers.RepeatedScalarFieldContainer[int]
    network_sequences: _containers.RepeatedScalarFieldContainer[int]
    numbers: _containers.RepeatedScalarFieldContainer[float]
    sequences: SequenceTable
    def __init__(self, cells: _Optional[_Union[CellTable, _Mapping]] = ..., sequences: _Optional[_Union[SequenceTable, _Mapping]] = ..., network_cell_counts: _Optional[_Iterable[int]] = ..., network_cells: _Optional[_Iterable[int]] = ..., network_sequences: _Optional[_Iterable[int]] = ..., numbers: _Optional[_Iterable[float]] = ...) -> None: ...

class CellTable(_message.Message):
    __slots__ = ["edge_counts", "edges", "fixed", "node_attrs", "node_counts", "node_ops", "roles"]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    EDGE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    NODE_ATTRS_FIELD_NUMBER: _ClassVar[int]
    NODE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    NODE_OPS_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    edge_counts: _containers.RepeatedScalarFieldContainer[int]
    edges: _containers.RepeatedScalarFieldContainer[int]
    fixed: _containers.RepeatedScalarFieldContainer[bool]
    node_attrs: _containers.RepeatedScalarFieldContainer[float]
    node_counts: _containers.RepeatedScalarFieldContainer[int]
    node_ops: _containers.RepeatedScalarFieldContainer[int]
    roles: _containers.RepeatedScalarFieldContainer[Role]
    def __init__(self, roles: _Optional[_Iterable[_Union[Role, str]]] = ..., fixed: _Optional[_Iterable[bool]] = ..., node_counts: _Optional[_Iterable[int]] = ..., edge_counts: _Optional[_Iterable[int]] = ..., node_ops: _Optional[_Iterable[int]] = ..., node_attrs: _Optional[_Iterable[float]] = ..., edges: _Optional[_Iterable[int]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ["dataset", "epochs", "name", "runs", "split", "summary", "unit"]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    epochs: int
    name: str
    runs: int
    split: str
    summary: str
    unit: str
    def __init__(self, name: _Optional[str] = ..., summary: _Optional[str] = ..., unit: _Optional[str] = ..., dataset: _Optional[str] = ..., split: _Optional[str] = ..., runs: _Optional[int] = ..., epochs: _Optional[int] = ...) -> None: ...

class ColumnRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ColumnResponse(_message.Message):
    __slots__ = ["values"]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Description(_message.Message):
    __slots__ = ["name", "notes", "options", "predicts_labels", "pretrains", "source", "summary", "uses_pool", "version"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PREDICTS_LABELS_FIELD_NUMBER: _ClassVar[int]
    PRETRAINS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    USES_POOL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    options: _containers.RepeatedCompositeFieldContainer[Option]
    predicts_labels: bool
    pretrains: bool
    source: str
    summary: str
    uses_pool: bool
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., summary: _Optional[str] = ..., source: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., options: _Optional[_Iterable[_Union[Option, _Mapping]]] = ..., predicts_labels: bool = ..., uses_pool: bool = ..., pretrains: bool = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ["kind"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: ErrorKind
    def __init__(self, kind: _Optional[_Union[ErrorKind, str]] = ...) -> None: ...

class FitHeader(_message.Message):
    __slots__ = ["options", "seed", "vocabulary"]
    class OptionsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    options: _containers.ScalarMap[str, str]
    seed: int
    vocabulary: Vocabulary
    def __init__(self, vocabulary: _Optional[_Union[Vocabulary, _Mapping]] = ..., options: _Optional[_Mapping[str, str]] = ..., seed: _Optional[int] = ...) -> None: ...

class FitRequest(_message.Message):
    __slots__ = ["artifact", "header", "pool", "training"]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    header: FitHeader
    pool: Block
    training: LabelledBlock
    def __init__(self, header: _Optional[_Union[FitHeader, _Mapping]] = ..., training: _Optional[_Union[LabelledBlock, _Mapping]] = ..., pool: _Optional[_Union[Block, _Mapping]] = ..., artifact: _Optional[bytes] = ...) -> None: ...

class FitResponse(_message.Message):
    __slots__ = ["warnings"]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class LabelledBlock(_message.Message):
    __slots__ = ["block", "labels"]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    block: Block
    labels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, block: _Optional[_Union[Block, _Mapping]] = ..., labels: _Optional[_Iterable[float]] = ...) -> None: ...

class Op(_message.Message):
    __slots__ = ["kernel", "kind", "name"]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    kernel: int
    kind: OpKind
    name: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[OpKind, str]] = ..., kernel: _Optional[int] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ["options"]
    class OptionsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: _containers.ScalarMap[str, str]
    def __init__(self, options: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Option(_message.Message):
    __slots__ = ["choices", "default", "name", "summary"]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    choices: _containers.RepeatedScalarFieldContainer[str]
    default: str
    name: str
    summary: str
    def __init__(self, name: _Optional[str] = ..., default: _Optional[str] = ..., summary: _Optional[str] = ..., choices: _Optional[_Iterable[str]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ["block"]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    block: Block
    def __init__(self, block: _Optional[_Union[Block, _Mapping]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ["values"]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class PretrainRequest(_message.Message):
    __slots__ = ["header", "pool"]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    header: FitHeader
    pool: Block
    def __init__(self, header: _Optional[_Union[FitHeader, _Mapping]] = ..., pool: _Optional[_Union[Block, _Mapping]] = ...) -> None: ...

class PretrainResponse(_message.Message):
    __slots__ = ["artifact"]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    def __init__(self, artifact: _Optional[bytes] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ["hi", "lo"]
    HI_FIELD_NUMBER: _ClassVar[int]
    LO_FIELD_NUMBER: _ClassVar[int]
    hi: int
    lo: int
    def __init__(self, lo: _Optional[int] = ..., hi: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ["block", "identities"]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    block: Block
    identities: bytes
    def __init__(self, block: _Optional[_Union[Block, _Mapping]] = ..., identities: _Optional[bytes] = ...) -> None: ...

class SequenceTable(_message.Message):
    __slots__ = ["step_attrs", "step_cells", "step_counts", "step_repeats"]
    STEP_ATTRS_FIELD_NUMBER: _ClassVar[int]
    STEP_CELLS_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNTS_FIELD_NUMBER: _ClassVar[int]
    STEP_REPEATS_FIELD_NUMBER: _ClassVar[int]
    step_attrs: _containers.RepeatedScalarFieldContainer[float]
    step_cells: _containers.RepeatedScalarFieldContainer[int]
    step_counts: _containers.RepeatedScalarFieldContainer[int]
    step_repeats: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, step_counts: _Optional[_Iterable[int]] = ..., step_cells: _Optional[_Iterable[int]] = ..., step_repeats: _Optional[_Iterable[int]] = ..., step_attrs: _Optional[_Iterable[float]] = ...) -> None: ...

class SpaceInfo(_message.Message):
    __slots__ = ["citation", "columns", "digest", "label", "license", "notes", "rows", "target", "vocabulary"]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    citation: str
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    digest: str
    label: str
    license: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    rows: int
    target: str
    vocabulary: Vocabulary
    def __init__(self, rows: _Optional[int] = ..., digest: _Optional[str] = ..., vocabulary: _Optional[_Union[Vocabulary, _Mapping]] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., label: _Optional[str] = ..., target: _Optional[str] = ..., license: _Optional[str] = ..., citation: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class Vocabulary(_message.Message):
    __slots__ = ["cell_attrs", "node_attrs", "numbers", "ops"]
    CELL_ATTRS_FIELD_NUMBER: _ClassVar[int]
    NODE_ATTRS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    cell_attrs: _containers.RepeatedScalarFieldContainer[str]
    node_attrs: _containers.RepeatedScalarFieldContainer[str]
    numbers: _containers.RepeatedScalarFieldContainer[str]
    ops: _containers.RepeatedCompositeFieldContainer[Op]
    def __init__(self, ops: _Optional[_Iterable[_Union[Op, _Mapping]]] = ..., node_attrs: _Optional[_Iterable[str]] = ..., cell_attrs: _Optional[_Iterable[str]] = ..., numbers: _Optional[_Iterable[str]] = ...) -> None: ...

class ErrorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class OpKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
