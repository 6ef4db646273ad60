"""Write predictors and search spaces for the benchmark harness hypernas in Python.

Import this package before anything that may print: standard output belongs to the
handshake, and the import moves everything else to standard error.

    import hypernas
    from sklearn.ensemble import RandomForestRegressor

    class Forest(hypernas.Predictor):
        name, summary = "forest", "a random forest on one-hot operations"

        def fit(self, training):
            ...

        def predict(self, batch):
            ...

    if __name__ == "__main__":
        hypernas.serve(Forest)
"""

from .serve import logger, serve  # first: takes standard output
from .errors import Cancelled, DataMissingError, InputError, NotFittedError, OptionError, PluginError, UnsupportedError
from .networks import Batch, Cell, Dense, Graph, Kind, Network, Op, Role, Step, Vocabulary
from .plugin import Column, Option, Predictor, Pretraining, Rows, Space, Training, identity

__version__ = "0.1.0"
__all__ = [
    "Batch", "Cancelled", "Cell", "Column", "DataMissingError", "Dense", "Graph", "InputError", "Kind", "Network",
    "NotFittedError", "Op", "Option", "OptionError", "PluginError", "Predictor", "Pretraining", "Role", "Rows", "Space", "Step",
    "Training", "UnsupportedError", "Vocabulary", "identity", "logger", "serve",
]  # fmt: skip
